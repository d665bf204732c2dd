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
