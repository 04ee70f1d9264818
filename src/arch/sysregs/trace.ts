/**
 * ETMv4 trace unit registers. No trace unit is modelled: an access is UNDEFINED, and the log gives the name.
 *
 * IHI 0064, "Register summary"; the System register encoding is op0 2, op1 1, from the register's offset / 4.
 */
import type { SysRegEncoding, SysRegRow } from './row.ts';

/** Single registers and arrays: name, offset of the first, count, distance in bytes (4 unless told). */
type Place = readonly [name: string, offset: number, count?: number, strideBytes?: number];

const PLACES: readonly Place[] = [
  ['TRCPRGCTLR', 0x004],
  ['TRCPROCSELR', 0x008],
  ['TRCSTATR', 0x00c],
  ['TRCCONFIGR', 0x010],
  ['TRCAUXCTLR', 0x018],
  ['TRCEVENTCTL0R', 0x020],
  ['TRCEVENTCTL1R', 0x024],
  ['TRCRSR', 0x028],
  ['TRCSTALLCTLR', 0x02c],
  ['TRCTSCTLR', 0x030],
  ['TRCSYNCPR', 0x034],
  ['TRCCCCTLR', 0x038],
  ['TRCBBCTLR', 0x03c],
  ['TRCTRACEIDR', 0x040],
  ['TRCQCTLR', 0x044],
  ['TRCVICTLR', 0x080],
  ['TRCVIIECTLR', 0x084],
  ['TRCVISSCTLR', 0x088],
  ['TRCVIPCSSCTLR', 0x08c],
  ['TRCVDCTLR', 0x0a0],
  ['TRCVDSACCTLR', 0x0a4],
  ['TRCVDARCCTLR', 0x0a8],
  ['TRCSEQEVR', 0x100, 3],
  ['TRCSEQRSTEVR', 0x118],
  ['TRCSEQSTR', 0x11c],
  ['TRCEXTINSELR', 0x120, 4],
  ['TRCCNTRLDVR', 0x140, 4],
  ['TRCCNTCTLR', 0x150, 4],
  ['TRCCNTVR', 0x160, 4],
  ['TRCIDR8', 0x180],
  ['TRCIDR9', 0x184],
  ['TRCIDR10', 0x188],
  ['TRCIDR11', 0x18c],
  ['TRCIDR12', 0x190],
  ['TRCIDR13', 0x194],
  ['TRCIMSPEC', 0x1c0, 8],
  ['TRCIDR', 0x1e0, 8],
  ['TRCRSCTLR2', 0x208],
  ['TRCRSCTLR3', 0x20c],
  ['TRCSSCCR', 0x280, 8],
  ['TRCSSCSR', 0x2a0, 8],
  ['TRCSSPCICR', 0x2c0, 8],
  ['TRCOSLAR', 0x300],
  ['TRCOSLSR', 0x304],
  ['TRCPDCR', 0x310],
  ['TRCPDSR', 0x314],
  ['TRCACVR', 0x400, 16, 8],
  ['TRCACATR', 0x480, 16, 8],
  ['TRCDVCVR', 0x500, 8, 16],
  ['TRCDVCMR', 0x580, 8, 16],
  ['TRCCIDCVR', 0x600, 8, 8],
  ['TRCVMIDCVR', 0x640, 8, 8],
  ['TRCCIDCCTLR', 0x680, 2],
  ['TRCVMIDCCTLR', 0x688, 2],
  ['TRCITCTRL', 0xf00],
  ['TRCCLAIMSET', 0xfa0],
  ['TRCCLAIMCLR', 0xfa4],
  ['TRCDEVAFF', 0xfa8, 2],
  ['TRCLAR', 0xfb0],
  ['TRCLSR', 0xfb4],
  ['TRCAUTHSTATUS', 0xfb8],
  ['TRCDEVARCH', 0xfbc],
  ['TRCDEVID', 0xfc8],
  ['TRCDEVTYPE', 0xfcc],
  ['TRCPIDR4', 0xfd0],
  ['TRCPIDR5', 0xfd4],
  ['TRCPIDR6', 0xfd8],
  ['TRCPIDR7', 0xfdc],
  ['TRCPIDR0', 0xfe0],
  ['TRCPIDR1', 0xfe4],
  ['TRCPIDR2', 0xfe8],
  ['TRCPIDR3', 0xfec],
  ['TRCCIDR', 0xff0, 4],
];

/** TRCRSCTLR4 to TRCRSCTLR31 follow TRCRSCTLR3. */
const RESOURCE_SELECTORS: readonly Place[] = Array.from({ length: 28 }, (_, n) => [`TRCRSCTLR${n + 4}`, 0x210 + 4 * n]);

const READ_ONLY = /^TRC(STATR|IDR\d+|OSLSR|PDSR|LSR|AUTHSTATUS|DEV.*|PIDR\d|CIDR\d)$/;
const WRITE_ONLY = /^TRC(OSLAR|LAR)$/;

function encoding(offset: number): SysRegEncoding {
  const word = offset / 4;
  return [2, 1, word >> 7, word & 15, (word >> 4) & 7];
}

function expand([name, offset, count, strideBytes = 4]: Place): SysRegRow[] {
  return Array.from({ length: count ?? 1 }, (_, n): SysRegRow => {
    const full = count === undefined ? name : `${name}${n}`;
    return {
      name: full,
      at: encoding(offset + n * strideBytes),
      access: READ_ONLY.test(full) ? 'RO' : WRITE_ONLY.test(full) ? 'WO' : 'RW',
      el: 1,
      feature: 'FEAT_ETMv4',
      model: 'absent',
      doc: 'no trace unit is modelled',
    };
  });
}

/** The room of the trace unit's registers. */
export const TRACE_REGISTERS: readonly SysRegRow[] = [...PLACES, ...RESOURCE_SELECTORS].flatMap(expand);
