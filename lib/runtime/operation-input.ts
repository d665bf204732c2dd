/**
 * What no operation takes, whatever its fields mean: characters that cannot be in XML or in a key of a row, and nesting that nothing could write
 * again as JSON. Routers check it for every way in, before any schema.
 */
import { isXmlText } from '../xmpp/xml-characters.ts';
import { runtimeLimits } from './limits.ts';

/** @param given a value of JSON. @returns what is wrong, in a sentence that quotes no value, because it may be secret */
export function inputFault(given: unknown): string | undefined {
  const waiting: { readonly value: unknown; readonly path: readonly string[] }[] = [{ value: given, path: [] }];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    const { value, path } = one;
    if (typeof value === 'string' && !isXmlText(value))
      return `'${path.join('.')}' has a character that XML does not allow, such as a control character`;
    if (typeof value !== 'object' || value === null) continue;
    if (path.length === runtimeLimits.inputDepthMax)
      return `'${path[0]}' has more than ${runtimeLimits.inputDepthMax} levels, one within the other`;
    for (const [name, inner] of Object.entries(value)) {
      if (!isXmlText(name)) return 'the name of a field has a character that XML does not allow, such as a control character';
      waiting.push({ value: inner, path: [...path, name] });
    }
  }
  return undefined;
}
