/** How much a peer may put into XML, addresses, forms and queries. */
export const xmppLimits = {
  // XML

  /**
   * Size of one stanza after sign-in, bytes. RFC 6120 §13.12 asks for at least 10,000. An avatar of 190 KiB (XEP-0084) takes
   * 266,000 in base64 with line breaks. A stanza fits into a row of the store and into a message on the bus.
   */
  stanzaBytesMax: 320 * 1024,
  /**
   * Everything that a peer may send before SASL succeeds, bytes. It has room for the largest element, stream headers and small
   * elements.
   */
  preauthBytesMax: 16 * 1024,
  /** Size of one element before SASL succeeds, bytes. It is the smallest bound that RFC 6120 §13.12 allows. */
  preauthStanzaBytesMax: 10_000,
  /** Number of first-level elements before SASL succeeds. */
  preauthElementsMax: 32,
  /** Levels of nesting below the stanza. Forms and Jingle need fewer than 20. */
  depthMax: 64,
  /** Attributes of one element. */
  attributesMax: 64,
  /** Elements within one stanza. A roster push has a few, a data form has hundreds. */
  elementsMax: 10_000,
  /** Size of a prefix and of a local name, bytes each. */
  nameBytesMax: 256,
  /**
   * Size of an XML declaration, bytes. The longest useful one, `<?xml version='1.0' encoding='UTF-8' standalone='yes'?>`, has 55.
   */
  declarationBytesMax: 256,
  /** Idle XML scanners that are kept for reuse. One is in use for each element that has arrived in part. */
  spareMachinesMax: 16,
  /** Up to this many attributes of a tag are compared pairwise. For so few, this is quicker than a set. */
  attributesComparedMax: 6,

  // Addresses and dates

  /** Size of each part of a JID, bytes of UTF-8 (RFC 7622 §3). */
  jidPartBytesMax: 1023,
  /** Parsed addresses that a process keeps. */
  jidCacheMax: 10_000,
  /** Length of an address that is still kept, characters. It bounds the memory that the kept addresses take. */
  jidCachedCharactersMax: 512,
  /** Length of a domain name as text without the final dot, characters (RFC 1035 §2.3.4). */
  domainCharactersMax: 253,
  /** Length of a label of a domain name, octets of ASCII (RFC 1035 §2.3.4). */
  domainLabelOctetsMax: 63,
  /** Length of a date and time, characters. Longer text is refused unread: no useful year or fraction is that long. */
  dateTimeCharactersMax: 64,

  // Forms and queries

  /** Fields of one data form. */
  formFieldsMax: 200,
  /** Values of one field of a data form. */
  formValuesMax: 100,
  /** Length of one value of a data form, characters. */
  formValueCharactersMax: 4_096,
  /** Items on one page of a result set, whatever the client asks for (XEP-0313 §4.3). */
  rsmPageMax: 250,
  /** Characters of a text that words are looked for in. A novel of this length in one message is found by its beginning. */
  wordsTextCharactersMax: 64 * 1024,
  /** Distinct words of one text. */
  textWordsMax: 1_000,
  /** Characters of a word that count. Longer ones, such as keys in hexadecimal, are found by their beginning. */
  wordCharactersMax: 64,
  /** Characters of a text that is searched for. */
  searchCharactersMax: 256,
  /** Distinct words of a text that is searched for. Each costs a walk through those messages of the archive that have it. */
  searchWordsMax: 10,
  /** Characters of a command's session that are sent back (XEP-0050). */
  commandSessionCharactersMax: 128,
} as const;
