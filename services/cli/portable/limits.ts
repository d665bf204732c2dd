/** Bounds of reading and writing files of XEP-0227. */
export const portableLimits = {
  /** Size of one element of a file that is read as a whole, bytes: a vCard, an item, a message. Servers keep none that is larger. */
  elementBytesMax: 4 * 1024 * 1024,
  /** Nesting below such an element, its attributes, and elements in it. */
  depthMax: 200,
  attributesMax: 200,
  elementsMax: 100_000,
  /** Bytes of a name and of a reference. */
  nameBytesMax: 1_000,
  /** How much of a file is read at once, bytes. */
  chunkBytes: 256 * 1024,
  /** What is asked of the service at once, bytes of XML. One element more may follow; see `portableLimits.pieceBytesMax` of the router. */
  pieceBytes: 96 * 1024,
} as const;
