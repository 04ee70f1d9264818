import type { VirtioRegister } from './regs.ts';

/** Everything of a transport but its queues and the device behind it. */
export interface State {
  status: number;
  deviceFeaturesSel: number;
  driverFeaturesSel: number;
  /** Accepted features, low and high half. */
  driverFeatures: [number, number];
  queueSel: number;
  interruptStatus: number;
  /** Bit n: queue n has to be served. */
  waiting: number;
  /** The driver broke a rule; nothing is served until it resets the device. */
  broken: boolean;
  guestPageBytes: number;
  /** Halves of the addresses of each queue as written, so that half an address is state too. */
  addresses: Record<AddressRegister, number>[];
  legacy: { alignBytes: number; pfn: number }[];
}

const ADDRESS_REGISTERS = [
  'QueueDescLow',
  'QueueDescHigh',
  'QueueDriverLow',
  'QueueDriverHigh',
  'QueueDeviceLow',
  'QueueDeviceHigh',
] as const;
/** Registers that hold half an address of a queue. */
export type AddressRegister = (typeof ADDRESS_REGISTERS)[number];

const noAddresses = (): Record<AddressRegister, number> =>
  Object.fromEntries(ADDRESS_REGISTERS.map((name) => [name, 0])) as Record<AddressRegister, number>;

/** After reset, with `queues` queues. */
export function resetState(queues: number): State {
  return {
    status: 0,
    deviceFeaturesSel: 0,
    driverFeaturesSel: 0,
    driverFeatures: [0, 0],
    queueSel: 0,
    interruptStatus: 0,
    waiting: 0,
    broken: false,
    guestPageBytes: 0,
    addresses: Array.from({ length: queues }, noAddresses),
    legacy: Array.from({ length: queues }, () => ({ alignBytes: 4096, pfn: 0 })),
  };
}

/** The same, sharing nothing. */
export function copyState(state: State): State {
  return {
    ...state,
    driverFeatures: [...state.driverFeatures],
    addresses: state.addresses.map((a) => ({ ...a })),
    legacy: state.legacy.map((l) => ({ ...l })),
  };
}

/** True for a register that holds half an address of a queue. */
export function isAddressRegister(name: VirtioRegister): name is AddressRegister {
  return (ADDRESS_REGISTERS as readonly string[]).includes(name);
}
