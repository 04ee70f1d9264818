import type { PlainData } from '../device.ts';
import type { IccClass, IccContext, IccName } from './icc.ts';

/** The registers with which a hypervisor drives the virtual CPU interface. IHI 0069, "ICH_* System registers". */
export type IchName =
  | 'ICH_HCR_EL2'
  | 'ICH_VTR_EL2'
  | 'ICH_MISR_EL2'
  | 'ICH_EISR_EL2'
  | 'ICH_ELRSR_EL2'
  | 'ICH_VMCR_EL2'
  | `ICH_AP${0 | 1}R0_EL2`
  | `ICH_LR${0 | 1 | 2 | 3}_EL2`;

/** The name a guest's access has once HCR_EL2 redirects it, e.g. `ICV_IAR1_EL1`. */
export function icvName(name: IccName): string {
  return name.replace(/^ICC_/, 'ICV_');
}

/**
 * The shape of the virtual CPU interface of one PE. Nothing implements it yet: a machine with EL2 answers a
 * redirected access as RAZ/WI and reports it.
 *
 * Virtual IRQ and FIQ go to the PE apart from the physical ones, since HCR_EL2 masks them on its own; the maintenance
 * interrupt is a level on INTID 25 of the PE; deactivating an LR with HW = 1 deactivates the physical INTID.
 */
export interface VirtualCpuInterface {
  ichRead(name: IchName): bigint;
  ichWrite(name: IchName, value: bigint): void;
  icvRead(name: IccName, ctx: IccContext): bigint;
  icvWrite(name: IccName, value: bigint, ctx: IccContext): void;
  /** ICH_HCR_EL2.TC, TALL0, TALL1 and TDIR: whether an access from EL1 traps to EL2. */
  trapsToEl2(name: IccName, kind: IccClass): boolean;
  /** ICH_HCR_EL2.En and ICH_MISR_EL2 not zero. */
  readonly maintenance: boolean;
  readonly vIrq: boolean;
  readonly vFiq: boolean;
  state(): PlainData;
  load(state: PlainData): void;
  reset(): void;
}
