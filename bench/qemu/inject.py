# Run by gdb: an interrupt at each boundary of a window of QEMU's guest, and where the guest is when it came back.
# What one would write with gdb and QEMU for what `bench/ours/inject.mjs` does: put the machine back, step to the
# boundary, make the interrupt pending, go on until the interrupted instruction is reached again, look at the registers.
import json
import sys
import time

import gdb

points = int(gdb.convenience_variable("points"))
port = int(gdb.convenience_variable("port"))

# GICD_ISPENDR1 (IHI 0069, "GICD_ISPENDR<n>"), and in it the interrupt of the PL011.
ISPENDR1_PA = 0x08000204
UART_BIT = 1 << 1


def quietly(command):
    return gdb.execute(command, to_string=True)


def write_physical(address, value):
    quietly("maintenance packet Qqemu.PhyMemMode:1")
    gdb.selected_inferior().write_memory(address, value.to_bytes(4, "little"))
    quietly("maintenance packet Qqemu.PhyMemMode:0")


def registers():
    names = ["x%d" % n for n in range(31)] + ["pc", "sp", "cpsr"]
    frame = gdb.newest_frame()
    return [str(frame.read_register(name)) for name in names]


def inject(point):
    quietly("monitor loadvm window")
    quietly("maintenance flush register-cache")
    if point:
        quietly("stepi %d" % point)
    pc = int(gdb.newest_frame().read_register("pc")) & (2**64 - 1)
    write_physical(ISPENDR1_PA, UART_BIT)
    gdb.Breakpoint("*%d" % pc, temporary=True, internal=True)
    quietly("continue")
    return registers()


def prove():
    """Ends the script unless the interrupt is taken: the guest arrives at a vector for interrupts."""
    quietly("monitor loadvm window")
    quietly("maintenance flush register-cache")
    base = int(gdb.newest_frame().read_register("VBAR")) & (2**64 - 1)
    write_physical(ISPENDR1_PA, UART_BIT)
    # From the current Exception level with its own stack, and from a lower one (DDI 0487, "Exception vectors").
    vectors = [base + 0x280, base + 0x480]
    breakpoints = [gdb.Breakpoint("*%d" % vector, internal=True) for vector in vectors]
    quietly("continue")
    pc = int(gdb.newest_frame().read_register("pc")) & (2**64 - 1)
    for breakpoint in breakpoints:
        breakpoint.delete()
    if pc not in vectors:
        raise gdb.GdbError("the interrupt was not taken: pc is 0x%x, VBAR_EL1 0x%x" % (pc, base))


for setting in ("pagination off", "confirm off", "architecture aarch64", "remotetimeout 60"):
    quietly("set " + setting)
quietly("target remote localhost:%d" % port)
# Else QEMU keeps timers and interrupts away while it steps: the machine would not do what it does by itself.
quietly("maintenance packet Qqemu.sstep=1")
quietly("monitor savevm window")
prove()
began = time.monotonic()
outcomes = {" ".join(inject(point)) for point in range(points)}
print(json.dumps({"injections": points, "seconds": time.monotonic() - began, "outcomes": len(outcomes)}))
sys.stdout.flush()

# Single steps, each with a look at PC.
steps = 1000
began = time.monotonic()
for _ in range(steps):
    quietly("stepi")
    gdb.newest_frame().read_register("pc")
print(json.dumps({"steps": steps, "seconds": time.monotonic() - began}))
sys.stdout.flush()
quietly("monitor quit")
