/** Text of XML as a reader sees it (XML 1.0 §2.11, §3.3.3, §4.1), once a scanner has accepted it. */

/** The references that need no DTD (§4.6). */
export const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** @param name the text between `&` and `;`, already accepted by a scanner */
function readReference(name: string): string {
  const known = entities[name];
  if (known !== undefined) return known;
  return String.fromCodePoint(name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10));
}

/** Resolves the references in a text that a scanner has accepted. */
function resolveReferences(text: string): string {
  return text.includes('&') ? text.replace(/&([^;]*);/g, (_, name: string) => readReference(name)) : text;
}

/** Character data as a reader sees it: line ends become LF (§2.11), then references are resolved. */
export function decodeText(raw: string): string {
  return resolveReferences(raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw);
}

/** An attribute's value as a reader sees it (§3.3.3): literal white space becomes spaces, then references are resolved. */
export function decodeAttribute(raw: string): string {
  return resolveReferences(/[\t\n\r]/.test(raw) ? raw.replace(/\r\n|[\t\n\r]/g, ' ') : raw);
}
