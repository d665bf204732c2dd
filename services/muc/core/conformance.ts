/** The specifications of rooms that have no file of their own in features/, for docs/xeps.md. */
export const conformance = [
  {
    spec: 'XEP-0045',
    version: '1.35.5',
    title: 'Multi-User Chat',
    note: 'Joining without `<x/>` (groupchat 1.0; §7.2.14 is followed). Status 332 is sent when the tenant is removed, and not when a worker stops, because another worker takes its rooms. Status 102 and 103, which are registered, but which no use case of this version sends; 174 is no longer registered. Public logs (`muc#roominfo_logs`): `enablelogging` is the archive of XEP-0313.',
  },
  { spec: 'XEP-0004', version: '2.13.2', title: 'Data Forms' },
  { spec: 'XEP-0030', version: '2.5', title: 'Service Discovery of rooms' },
  { spec: 'XEP-0050', version: '1.3', title: 'Ad-Hoc Commands of rooms' },
  {
    spec: 'XEP-0059',
    version: '1.0',
    title: 'Result Set Management',
    note: 'Pages by index; counts only where none else is asked for.',
  },
  { spec: 'XEP-0082', version: '1.1.1', title: 'Date and Time Profiles: the DateTime profile' },
  { spec: 'XEP-0122', version: '1.0.2', title: 'Data Forms Validation in the forms of rooms' },
  { spec: 'XEP-0203', version: '2.0', title: 'Delayed Delivery in the history of rooms' },
  { spec: 'XEP-0249', version: '1.2', title: 'Direct MUC Invitations', note: 'They pass; mediated ones carry the same element.' },
  { spec: 'XEP-0308', version: '1.2.1', title: 'Last Message Correction', note: 'Passes and is archived whole.' },
  { spec: 'XEP-0334', version: '1.0.0', title: 'Message Processing Hints: store, no-store, no-permanent-store' },
  { spec: 'XEP-0359', version: '0.7', title: 'Unique and Stable Stanza IDs of rooms' },
  { spec: 'XEP-0421', version: '1.0.1', title: 'Occupant identifiers for semi-anonymous MUCs' },
  { spec: 'XEP-0444', version: '0.2.1', title: 'Message Reactions', note: 'Pass and are archived whole.' },
  { spec: 'XEP-0461', version: '0.2.1', title: 'Message Replies', note: 'Pass and are archived whole.' },
] as const;
