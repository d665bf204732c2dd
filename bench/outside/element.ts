/** Reading the few attributes that a server of the benchmark has to know, of elements that another server wrote. */

export function attributeOf(element: string, name: string): string {
  return (
    new RegExp(`\\s${name}=(?:'([^']*)'|"([^"]*)")`)
      .exec(element)
      ?.slice(1)
      .find((value) => value !== undefined) ?? ''
  );
}

export const NS_SM = 'urn:xmpp:sm:3';
export const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls';

/** A header between servers, up to its end. */
export function headerOf(attributes: string): string {
  const namespaces = `xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'`;
  return `<?xml version='1.0'?><stream:stream ${namespaces} ${attributes} version='1.0'>`;
}
