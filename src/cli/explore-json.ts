/** Results as text: JSON with 64-bit numbers. */

const BIG = /^-?0x[0-9a-f]+n$/;

/** JSON in which a bigint is a string such as `0xffff800080010000n`. */
export function encodeJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_name, inner: unknown) => {
      if (typeof inner !== 'bigint') return inner;
      return inner < 0n ? `-0x${(-inner).toString(16)}n` : `0x${inner.toString(16)}n`;
    },
    indent,
  );
}

/** The inverse of `encodeJson`. @throws SyntaxError for what is no JSON */
export function decodeJson(text: string): unknown {
  return JSON.parse(text, (_name, inner: unknown) => {
    if (typeof inner !== 'string' || !BIG.test(inner)) return inner;
    return inner.startsWith('-') ? -BigInt(inner.slice(1, -1)) : BigInt(inner.slice(0, -1));
  });
}
