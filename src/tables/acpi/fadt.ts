/** Fixed ACPI Description Table. Source: ACPI 6.5, "Fixed ACPI Description Table (FADT)". */
import { ascii, later, preset, u8, u16, u32, u64, zero } from './fields.ts';
import { gas } from './gas.ts';
import { type Input, struct, type Value } from './struct.ts';
import { type DecodedTree, HEADER_BYTES, type InTable, type InTableInput, table } from './table.ts';

/** Bits of `flags`. */
export const FADT_FLAGS = {
  WBINVD: 0,
  WBINVD_FLUSH: 1,
  PROC_C1: 2,
  P_LVL2_UP: 3,
  PWR_BUTTON: 4,
  SLP_BUTTON: 5,
  FIX_RTC: 6,
  RTC_S4: 7,
  TMR_VAL_EXT: 8,
  DCK_CAP: 9,
  RESET_REG_SUP: 10,
  SEALED_CASE: 11,
  HEADLESS: 12,
  CPU_SW_SLP: 13,
  PCI_EXP_WAK: 14,
  USE_PLATFORM_CLOCK: 15,
  S4_RTC_STS_VALID: 16,
  REMOTE_POWER_ON_CAPABLE: 17,
  FORCE_APIC_CLUSTER_MODEL: 18,
  FORCE_APIC_PHYSICAL_DESTINATION_MODE: 19,
  HW_REDUCED_ACPI: 20,
  LOW_POWER_S0_IDLE_CAPABLE: 21,
} as const;

/** Bits of `armBootFlags`. */
export const FADT_ARM_BOOT_FLAGS = { PSCI_COMPLIANT: 0, PSCI_USE_HVC: 1 } as const;

const IA_PC_BOOT_FLAGS = {
  LEGACY_DEVICES: 0,
  '8042': 1,
  'VGA Not Present': 2,
  'MSI Not Supported': 3,
  'PCIe ASPM Controls': 4,
  'CMOS RTC Not Present': 5,
} as const;

const PROFILES = {
  0: 'unspecified',
  1: 'desktop',
  2: 'mobile',
  3: 'workstation',
  4: 'enterprise server',
  5: 'SOHO server',
  6: 'appliance PC',
  7: 'performance server',
  8: 'tablet',
} as const;

/** Fields of the FADT. Sizes by version: 1.0 116 bytes, 1.5 132, 2 to 4 244, 5 268, 6 276. */
export const FADT = struct(
  'Fixed ACPI Description Table',
  'ACPI 6.5, "Fixed ACPI Description Table (FADT)"',
  { full: 276, base: 116, first: HEADER_BYTES },
  {
    facsAddress: zero(u32('physical address of the FACS')),
    dsdtAddress: zero(u32('physical address of the DSDT, when xDsdtAddress has none')),
    model: zero(u8('interrupt model in ACPI 1.0, then reserved')),
    preferredPmProfile: zero(u8('kind of system', { names: PROFILES })),
    sciInterrupt: zero(u16('system control interrupt')),
    smiCommandPort: zero(u32('port of SMI commands')),
    acpiEnable: zero(u8('command that enables ACPI')),
    acpiDisable: zero(u8('command that disables it')),
    s4BiosRequest: zero(u8('command to enter S4BIOS')),
    pstateControl: zero(u8('command to take over performance states')),
    pm1aEventBlock: zero(u32('port')),
    pm1bEventBlock: zero(u32('port')),
    pm1aControlBlock: zero(u32('port')),
    pm1bControlBlock: zero(u32('port')),
    pm2ControlBlock: zero(u32('port')),
    pmTimerBlock: zero(u32('port')),
    gpe0Block: zero(u32('port')),
    gpe1Block: zero(u32('port')),
    pm1EventLengthBytes: zero(u8('size')),
    pm1ControlLengthBytes: zero(u8('size')),
    pm2ControlLengthBytes: zero(u8('size')),
    pmTimerLengthBytes: zero(u8('size')),
    gpe0LengthBytes: zero(u8('size')),
    gpe1LengthBytes: zero(u8('size')),
    gpe1Base: zero(u8('first event of GPE1')),
    cstControl: zero(u8('command to support _CST')),
    c2LatencyUs: zero(u16('worst latency of C2')),
    c3LatencyUs: zero(u16('worst latency of C3')),
    flushSize: zero(u16('number of flush strides')),
    flushStrideBytes: zero(u16('width of a cache line')),
    dutyOffset: zero(u8('place of the duty cycle in P_CNT')),
    dutyWidth: zero(u8('width of the duty cycle in P_CNT')),
    dayAlarm: zero(u8('index in RTC CMOS')),
    monthAlarm: zero(u8('index in RTC CMOS')),
    century: zero(u8('index in RTC CMOS')),
    iaPcBootFlags: zero(u16('IAPC_BOOT_ARCH', { bits: IA_PC_BOOT_FLAGS })),
    reserved: zero(u8('reserved')),
    flags: zero(u32('fixed features', { bits: { ...FADT_FLAGS, PERSISTENT_CPU_CACHES: [23, 22] } })),
    resetRegister: later(gas('register that resets the machine')),
    resetValue: later(u8('what to write there')),
    armBootFlags: later(u16('ARM_BOOT_ARCH', { bits: FADT_ARM_BOOT_FLAGS })),
    minorRevision: later(preset(u8('of the specification: bits 3:0; errata letter in 7:4'), 3)),
    xFacsAddress: later(u64('physical address of the FACS')),
    xDsdtAddress: later(u64('physical address of the DSDT')),
    xPm1aEventBlock: later(gas('register')),
    xPm1bEventBlock: later(gas('register')),
    xPm1aControlBlock: later(gas('register')),
    xPm1bControlBlock: later(gas('register')),
    xPm2ControlBlock: later(gas('register')),
    xPmTimerBlock: later(gas('register')),
    xGpe0Block: later(gas('register')),
    xGpe1Block: later(gas('register')),
    sleepControlRegister: later(gas('register')),
    sleepStatusRegister: later(gas('register')),
    hypervisorVendorId: later(ascii(8, 'hypervisor vendor identity', '\0')),
  },
);

/** The FADT; its signature is `FACP`. Encoders write revision 6.3 unless told otherwise. */
export const FADT_TABLE = table<Value<typeof FADT>, Input<typeof FADT>>({
  signature: 'FACP',
  title: FADT.title,
  source: FADT.source,
  revision: 6,
  body: FADT,
});

/** A decoded FADT. */
export type Fadt = Value<typeof FADT> & InTable;
/** A FADT as its encoder takes it; what is not given is 0. */
export type FadtInput = Input<typeof FADT> & InTableInput;

/** The bytes of a FADT. Throws AcpiError when a value does not fit its field. */
export const encodeFadt = (input: FadtInput): Uint8Array => FADT_TABLE.encode(input);
/** Reads a FADT of any revision; never throws. */
export const decodeFadt = (bytes: Uint8Array): DecodedTree<Fadt> => FADT_TABLE.decode(bytes);
