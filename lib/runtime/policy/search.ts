/** Are the words of messages put into an index, so that clients can search archives (XEP-0431)? Only where the store keeps one. */
import { choiceKey } from './policy-key.ts';

export const search = choiceKey(['off', 'on'], 'whether clients can search the archive for words (embedded store)', {
  preset: 'off',
  strictest: 'off',
});
