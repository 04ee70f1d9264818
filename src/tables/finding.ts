/** What a decoder has to say about bytes that break a rule of their format. Decoders report, they never throw on bytes. */

/** One rule that the bytes break. */
export interface Finding {
  /** Where in the decoded bytes the offending field begins, in bytes. */
  offset: number;
  /** The rule, in words of the specification. */
  rule: string;
  /** What the bytes say. */
  found: string;
  /** What the rule asks for. */
  expected: string;
}

/** What a decoder returns: what could be read, if anything, and every rule that the bytes break, in order of offset. */
export interface Decoded<T> {
  /** What was read; undefined if the bytes are too few or too wrong to be one of these at all. */
  value: T | undefined;
  /** Empty if the bytes are well formed. At most {@link MAX_FINDINGS}. */
  findings: Finding[];
}

/** Most findings that one decoding returns: enough for any real mistake, a bound for bytes made to be wrong everywhere. */
export const MAX_FINDINGS = 256;
