/** Every loop, length and store of the virtio devices that a driver can drive, and why it ends where it does. */

/** Entries of a queue that a driver may ask for; what Linux uses and QEMU offers for block devices. */
export const QUEUE_SIZE_MAX = 256;

/** Descriptors of one chain, those of an indirect table included. More than any driver here can need, see SEG_MAX. */
export const CHAIN_DESCRIPTORS_MAX = 1024;

/** Bytes of one chain. A block request of SEG_MAX segments of SIZE_MAX bytes fits. */
export const CHAIN_BYTES_MAX: number = 17 * 2 ** 20;

/** Segments of a block request that the device announces: the queue size less header and status. */
export const BLK_SEG_MAX: number = QUEUE_SIZE_MAX - 2;

/** Bytes of one segment of a block request that the device announces. */
export const BLK_SIZE_MAX: number = 64 * 1024;

/**
 * Chains a device serves at one boundary. A driver can fill a ring faster than a device that it points at its own ring.
 */
export const VISIT_CHAINS_MAX: number = 2 * QUEUE_SIZE_MAX;

/** Bytes a device moves at one boundary before the guest runs again; the rest follows WORK_PAUSE_NS later. */
export const VISIT_BYTES_MAX: number = 2 * CHAIN_BYTES_MAX;

/** Virtual time between two visits when one was not enough, so that steps are taken whatever a driver asks for. */
export const WORK_PAUSE_NS = 1000;

/** Longest Ethernet frame taken from a driver: 64 KiB payload, header, one VLAN tag. */
export const NET_FRAME_BYTES_MAX: number = 65_535 + 18;

/** Frames that wait for receive buffers; further ones are dropped, as on a wire. */
export const NET_BACKLOG_FRAMES_MAX = 256;

/** Bytes from outside that wait for receive buffers of the console; what does not fit stays with the host. */
export const CONSOLE_BACKLOG_BYTES_MAX = 65_536;

/** Bytes of entropy given for one buffer, however large the buffer is. */
export const RNG_CHAIN_BYTES_MAX = 4096;
