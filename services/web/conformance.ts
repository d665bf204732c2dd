/** The specifications that this service implements, for docs/xeps.md. */
export const conformance = [
  {
    spec: 'XEP-0156',
    version: '1.4.0',
    title: 'Discovering Alternative XMPP Connection Methods',
    note: 'host-meta and host-meta.json with CORS.',
  },
] as const;
