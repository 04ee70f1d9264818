/** A generic tree of what was decoded, for printing any table or record the same way. */

/** One field, structure or list: its name, its text if it has one, and which bytes it came from. */
export interface TreeNode {
  /** The specification's name of the field or structure. */
  name: string;
  /** The value as text; absent for a structure that only has children. */
  value?: string;
  /** Where it begins, in bytes from the start of what was decoded. */
  offset: number;
  /** How many bytes it takes. */
  sizeBytes: number;
  /** What it is made of, in order of offset. */
  children?: TreeNode[];
}
