/**
 * GUIDs as text and as bytes, and the names of those that error records use.
 *
 * Source: UEFI Specification, "GUID and Time Formats" and appendix N, "Common Platform Error Record".
 */
import { CperError } from './error.ts';

/** A GUID in lower case with hyphens: `a5bc1114-6f64-4ede-b863-3e83ed7c83b1`. */
export type Guid = string;

/** Bytes of a GUID. */
export const GUID_SIZE_BYTES = 16;

/** The GUID whose bits are all zero. */
export const GUID_ZERO: Guid = '00000000-0000-0000-0000-000000000000';

/** In memory the first three groups are little-endian; this is the byte that stands at each place of the text. */
const BYTE_ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

const GROUP_ENDS: ReadonlySet<number> = new Set([3, 5, 7, 9]);

/** Reads the GUID at `at`; the caller has checked that 16 bytes are there. */
export function readGuid(bytes: Uint8Array, at: number): Guid {
  let text = '';
  BYTE_ORDER.forEach((from, place) => {
    text += bytes[at + from].toString(16).padStart(2, '0');
    if (GROUP_ENDS.has(place)) text += '-';
  });
  return text;
}

/**
 * Writes a GUID at `at`.
 *
 * @throws CperError `E_CPER_GUID` when the text is no GUID
 */
export function writeGuid(bytes: Uint8Array, at: number, guid: Guid): void {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(guid)) {
    throw new CperError('E_CPER_GUID', `'${guid}' is no GUID. Give it like a5bc1114-6f64-4ede-b863-3e83ed7c83b1.`);
  }
  const digits = guid.replaceAll('-', '');
  BYTE_ORDER.forEach((to, place) => {
    bytes[at + to] = Number.parseInt(digits.slice(place * 2, place * 2 + 2), 16);
  });
}

/** Section types by what we call them. UEFI, appendix N.2.2, "Section Descriptor", and N.2.14 for CXL. */
export const SECTION_TYPE = {
  genericProcessor: '9876ccad-47b4-4bdb-b65e-16f193c4f3db',
  armProcessor: 'e19e3d16-bc11-11e4-9caa-c2051d5d46b0',
  memory: 'a5bc1114-6f64-4ede-b863-3e83ed7c83b1',
  memory2: '61ec04fc-48e6-d813-25c9-8daa44750b12',
  pcie: 'd995e954-bbc1-430f-ad91-b44dcb3c6f35',
  firmwareReference: '81212a96-09ed-4996-9471-8d729c8e69ed',
} as const;

const SECTION_TYPE_NAMES: Readonly<Record<Guid, string>> = {
  [SECTION_TYPE.genericProcessor]: 'generic processor error',
  [SECTION_TYPE.armProcessor]: 'ARM processor error',
  [SECTION_TYPE.memory]: 'platform memory error',
  [SECTION_TYPE.memory2]: 'platform memory error 2',
  [SECTION_TYPE.pcie]: 'PCIe error',
  [SECTION_TYPE.firmwareReference]: 'firmware error record reference',
  'dc3ea0b0-a144-4797-b95b-53fa242b6e1d': 'IA32/X64 processor error',
  'e429faf1-3cb7-11d4-bca7-0080c73c8881': 'IPF processor error',
  'c5753963-3b84-4095-bf78-eddad3f9c9dd': 'PCI/PCI-X bus error',
  'eb5e4685-ca66-4769-b6a2-26068b001326': 'PCI component error',
  '5b51fef7-c79d-4434-8f1b-aa62de3e2c64': 'DMAr generic error',
  '71761d37-32b2-45cd-a7d0-b0fedd93e8cf': 'VT-d DMAr error',
  '036f84e1-7f37-428c-a79e-575fdfaa84ec': 'IOMMU DMAr error',
  '80b9efb4-52b5-4de3-a777-68784b771048': 'CXL protocol error',
  'fbcd0a77-c260-417f-85a9-088b1621eba6': 'CXL general media event',
  '601dcbb3-9c06-4eab-b8af-4e9bfb5c9624': 'CXL DRAM event',
  'fe927475-dd59-4339-a586-79bab113b774': 'CXL memory module event',
  'e71f3a40-2d29-4092-8a39-4d1c966c7c65': 'CXL memory sparing event',
  '77cf9271-9c02-470b-9fe4-bc7b75f2da97': 'CXL physical switch event',
  '40d26425-3396-4c4d-a5da-3d47263af425': 'CXL virtual switch event',
  '8dc44363-0c96-4710-b7bf-04bb99534c3f': 'CXL MLD port event',
  '91335ef6-ebfb-4478-a6a6-88b728cf75d7': 'CCIX PER log error',
  'c197e04e-d545-4a70-9c17-a5549419eb12': 'Linux dmesg',
  '4f118707-04dd-4055-b5dd-956d34ddfac6': 'Linux dmesg, compressed',
  'fe08ffbe-95e4-4be7-bc73-4096044a38fc': 'Linux machine check',
};

/** Notification types of a record header. UEFI, appendix N.2.1, "Record Header". */
export const NOTIFICATION_TYPE = {
  CMC: '2dce8bb1-bdd7-450e-b9ad-9cf4ebd4f890',
  CPE: '4e292f96-d843-4a55-a8c2-d481f27ebeee',
  MCE: 'e8f56ffe-919c-4cc5-ba88-65abe14913bb',
  PCIe: 'cf93c01f-1a16-4dfc-b8bc-9c4daf67c104',
  INIT: 'cc5263e8-9308-454a-89d0-340bd39bc98e',
  NMI: '5bad89ff-b7e6-42c9-814a-cf2485d6e98a',
  Boot: '3d61a466-ab40-409a-a698-f362d464b38f',
  DMAr: '667dd791-c6b3-4c27-8a6b-0f8e722deb41',
  SEA: '9a78788a-bbe8-11e4-809e-67611e5d46b0',
  SEI: '5c284c81-b0ae-4e87-a322-b04c85624323',
  PEI: '09a9d5ac-5204-4214-96e5-94992e752bcd',
} as const;

const NOTIFICATION_TYPE_NAMES: Readonly<Record<Guid, string>> = Object.fromEntries(
  Object.entries(NOTIFICATION_TYPE).map(([name, guid]) => [guid, name]),
);

/** Creator of the records that Linux's pstore writes. */
export const LINUX_PSTORE: Guid = '75a574e3-5052-4b29-8a8e-be2c6490b89d';

const CREATOR_NAMES: Readonly<Record<Guid, string>> = {
  [LINUX_PSTORE]: 'Linux pstore',
};

const withName = (guid: Guid, names: Readonly<Record<Guid, string>>): string =>
  Object.hasOwn(names, guid) ? `${guid} (${names[guid]})` : guid;

/** What a section of this type is called, or undefined where the type is not known. */
export function sectionTypeName(guid: Guid): string | undefined {
  return Object.hasOwn(SECTION_TYPE_NAMES, guid) ? SECTION_TYPE_NAMES[guid] : undefined;
}

/** A section type for printing: the GUID, and its name where it is known. */
export const showSectionType = (guid: Guid): string => withName(guid, SECTION_TYPE_NAMES);

/** A notification type for printing: the GUID, and its name where it is known. */
export const showNotificationType = (guid: Guid): string => withName(guid, NOTIFICATION_TYPE_NAMES);

/** A creator of records for printing: the GUID, and its name where it is known. */
export const showCreator = (guid: Guid): string => withName(guid, CREATOR_NAMES);
