/** Bounds of the console. */
export const consoleLimits = {
  /** Size of a submitted form, bytes. */
  bodyBytesMax: 64 * 1024,
  /** Requests with one session at once, and in the long run. */
  sessionBurst: 200,
  sessionPerSecond: 20,
  /** Requests without a session from one network at once, and in the long run: pages and files of the sign-in, and tries. */
  strangerBurst: 60,
  strangerPerSecond: 1,
  /** Sessions and networks whose rates are remembered. */
  ratesMax: 10_000,
  /** How long the router has for an operation, ms. */
  answerMs: 15_000,
  /** How long a removal may keep a page waiting before the page says how far it is, ms. */
  removalWaitMs: 4_000,
  /** How often the live figures are taken, ms. */
  sampleMs: 2_000,
  /** Samples that are kept: a quarter of an hour of them is shown by the curves. */
  samplesMax: 450,
  /** Pages that are sent live figures, and those of one session. */
  watchersMax: 200,
  watchersPerSessionMax: 6,
  /** After so many samples it is looked up whether the session of a page with live figures still lasts: within half a minute. */
  watcherLookSamples: 15,
  /** How long a look at a domain from outside may take, seconds. */
  doctorSeconds: 20,
  /** Looks from outside at the same time. */
  doctorsMax: 2,
  /** A certificate with fewer days left is marked: `skylark doctor` warns then, too. */
  certificateDaysMin: 21,
  /** Length of what somebody types into a search, characters. */
  searchCharactersMax: 200,
  /** How long a browser remembers the chosen language, seconds. */
  languageSeconds: 365 * 24 * 60 * 60,
} as const;
