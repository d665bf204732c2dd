/** Bounds of parsing: what a peer may put into XML, addresses, forms and result sets. */
export const xmppLimits = {
  /**
   * One stanza from an authenticated client, bytes. RFC 6120 §13.12 asks for at least 10,000. An avatar of 190 KiB (XEP-0084) has 266,000
   * in base64 with line breaks. As a row (`portLimits.storeValueBytesMax`) and in one message on the bus (`portLimits.busPayloadBytesMax`) there is room for it.
   */
  stanzaBytesMax: 320 * 1024,
  /** All that a peer may send before SASL succeeds, bytes: its largest element, with room for headers and small ones. */
  preauthBytesMax: 16 * 1024,
  /** One element of it, bytes: the least that RFC 6120 §13.12 allows. */
  preauthStanzaBytesMax: 10_000,
  /** First-level elements before SASL succeeds. */
  preauthElementsMax: 32,
  /** XML scanners kept for the next element; one is in use per element that has come in part. */
  spareMachinesMax: 16,
  /** Nesting below the stanza; forms and Jingle stay under 20. */
  depthMax: 64,
  /** Attributes on one element. */
  attributesMax: 64,
  /** Elements within one stanza: a roster push has few, a data form hundreds. */
  elementsMax: 10_000,
  /** Names (prefix and local part each), bytes. */
  nameBytesMax: 256,
  /** Each part of a JID, bytes of UTF-8 (RFC 7622 §3). */
  jidPartBytesMax: 1023,
  /** Parsed addresses kept, entries. */
  jidCacheMax: 10_000,
  /** Items per RSM page whatever the client asks for (XEP-0313 §4.3). */
  rsmPageMax: 250,
  /** Data forms: fields, values of one field, characters of one value. */
  formFieldsMax: 200,
  formValuesMax: 100,
  formValueCharactersMax: 4_096,
} as const;
