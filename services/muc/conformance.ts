/** What this service speaks, for docs/xeps.md. */
export const conformance = [
  {
    spec: 'XEP-0045',
    version: '1.35',
    title: 'Multi-User Chat',
    note: 'Presence broadcast by role (presencebroadcast), room owners and admins as fields of the form, locked nicks.',
  },
  { spec: 'XEP-0004', version: '2.13', title: 'Data Forms' },
  { spec: 'XEP-0030', version: '2.5', title: 'Service Discovery of rooms' },
  { spec: 'XEP-0059', version: '1.0', title: 'Result Set Management', note: 'Counts and pages by index.' },
  { spec: 'XEP-0203', version: '2.0', title: 'Delayed Delivery in the history of rooms' },
  { spec: 'XEP-0313', version: '1.1', title: 'Message Archive Management of rooms', note: 'The filter `with`.' },
  { spec: 'XEP-0334', version: '0.4', title: 'Message Processing Hints: store, no-store, no-permanent-store' },
  { spec: 'XEP-0359', version: '0.7', title: 'Unique and Stable Stanza IDs of rooms' },
  { spec: 'XEP-0410', version: '1.1', title: 'MUC Self-Ping, with the optimization' },
  { spec: 'XEP-0421', version: '1.0', title: 'Occupant identifiers for semi-anonymous MUCs' },
] as const;
