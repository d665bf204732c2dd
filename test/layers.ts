/**
 * The layers of each part of the tree, from the top down. A folder imports from folders below it only; those of one layer stand beside each
 * other and do not know each other. `.` stands for the files in the part's own folder.
 */
export const layers: Readonly<Record<string, readonly (readonly string[])[]>> = {
  lib: [['adapters', 'runtime'], ['ports'], ['xmpp'], ['.']],
  'services/cli': [['.'], ['commands'], ['doctor'], ['compose', 'cost', 'dns'], ['core']],
};
