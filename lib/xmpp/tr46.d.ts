/** Declarations for tr46 6, which ships none. */
declare module 'tr46' {
  export interface Options {
    checkHyphens?: boolean;
    checkBidi?: boolean;
    checkJoiners?: boolean;
    useSTD3ASCIIRules?: boolean;
    verifyDNSLength?: boolean;
    transitionalProcessing?: boolean;
    ignoreInvalidPunycode?: boolean;
  }
  /** @returns null when the name is refused */
  export function toASCII(domain: string, options?: Options): string | null;
  export function toUnicode(domain: string, options?: Options): { domain: string; error: boolean };
}

/** UTS 46 and RFC 5893 classes, generated from the Unicode database. */
declare module 'tr46/lib/regexes.js' {
  const regexes: Readonly<
    Record<
      | 'combiningClassVirama'
      | 'combiningMarks'
      | 'validZWNJ'
      | 'bidiDomain'
      | 'bidiS1LTR'
      | 'bidiS1RTL'
      | 'bidiS2'
      | 'bidiS3'
      | 'bidiS4EN'
      | 'bidiS4AN'
      | 'bidiS5'
      | 'bidiS6',
      RegExp
    >
  >;
  export default regexes;
}

/** By code point or range, ascending: what UTS 46 §5 does with it (mapped: 1, valid: 2, disallowed: 3, deviation: 6, ignored: 7). */
declare module 'tr46/lib/mappingTable.json' {
  const table: readonly (readonly [range: number | readonly [number, number], status: number, mapping?: string])[];
  export default table;
}

/** RFC 3492. The package's own name is that of a module of Node, which is deprecated. */
declare module 'punycode/punycode.js' {
  const punycode: {
    /** @throws {RangeError} when it is not Punycode */
    decode(text: string): string;
    encode(text: string): string;
  };
  export default punycode;
}
