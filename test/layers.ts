/**
 * The layers of each part of the tree, from the top down. A folder imports from folders below it only; those of one layer stand beside each
 * other and do not know each other. `.` stands for the files in the part's own folder; its `limits.ts` is
 * data that imports nothing, so every folder of the part may read it.
 */
export const layers: Readonly<Record<string, readonly (readonly string[])[]>> = {
  lib: [['s2s'], ['adapters', 'runtime'], ['ports'], ['xmpp']],
  // `core` is the shape of a stream feature. It stands above the session, because features work on one.
  'services/connection': [
    ['.'],
    ['components', 'bytestreams'],
    ['peers'],
    ['features'],
    ['moving'],
    ['bosh'],
    ['stream'],
    ['core'],
    ['session'],
    ['door'],
  ],
  'services/federation': [['.'], ['pairs'], ['streams'], ['core'], ['finding']],
  'services/console': [['.'], ['pages'], ['core']],
  'services/cli': [
    ['.'],
    ['commands', 'backup', 'canary', 'setup'],
    ['doctor', 'portable'],
    ['compose', 'cost', 'dns'],
    ['core'],
  ],
  'services/muc': [['.'], ['features'], ['missed'], ['rooms'], ['core']],
  'services/router': [
    ['.'],
    ['operations'],
    ['portable'],
    ['features'],
    ['routing'],
    ['accounts', 'uploads'],
    ['invites'],
    ['removal'],
    ['later'],
    ['sessions'],
    ['push', 'profile', 'pubsub'],
    ['pep'],
    ['presence'],
    ['archive'],
    ['roster', 'sasl'],
    ['core'],
  ],
};
