/** What can be wrong in a value that is to become a table. */
export type AcpiErrorCode =
  /** A field's value does not fit its width. */
  | 'E_ACPI_RANGE'
  /** Text that is too long for its field, or not of one byte per character. */
  | 'E_ACPI_TEXT'
  /** A list or structure is too long for the field that holds its length. */
  | 'E_ACPI_SIZE'
  /** An entry of a kind that its list does not have. */
  | 'E_ACPI_KIND';

/** A mistake in a value given to an encoder; the message says which field, what was found, and what it takes. */
export class AcpiError extends Error {
  override readonly name = 'AcpiError';
  readonly code: AcpiErrorCode;

  constructor(code: AcpiErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
