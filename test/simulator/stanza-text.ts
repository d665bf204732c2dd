/** Reads what a server has written, as far as a model client needs it; the server's own code plays no part in it. */

export function tagOf(text: string): string {
  return /^<([a-z:]+)/.exec(text)?.[1] ?? '';
}

export function isStanza(text: string): boolean {
  return text.startsWith('<message') || text.startsWith('<presence') || text.startsWith('<iq');
}

/** The value of an attribute of the first tag. */
export function attribute(text: string, name: string): string | undefined {
  const tag = text.slice(0, text.indexOf('>'));
  const found = new RegExp(`\\s${name}=(?:'([^']*)'|"([^"]*)")`).exec(tag);
  return found?.[1] ?? found?.[2];
}

export function readMessage(text: string) {
  const stanzaId = /<stanza-id[^>]*\sid=['"]([^'"]*)/.exec(text)?.[1];
  return {
    id: attribute(text, 'id') ?? '',
    type: attribute(text, 'type'),
    body: /<body>([^<]*)</.exec(text)?.[1],
    isDelayed: text.includes('<delay '),
    stanzaId,
  };
}

export function readPresence(text: string) {
  return {
    from: attribute(text, 'from') ?? '',
    type: attribute(text, 'type'),
    status: /<status>([^<]*)</.exec(text)?.[1] ?? '',
    /** XEP-0045 §7.2.2: about the client itself. */
    isSelf: /<status code=['"]110['"]/.test(text),
    /** XEP-0045 §10.1.1: the room was made by it. */
    isNew: /<status code=['"]201['"]/.test(text),
  };
}
