/** Where people make accounts when registration is `web` (XEP-0077 §5). */
import { urlKey } from './web-url.ts';

export const registrationUrl = urlKey('URL', 'with registration web: the page where people make accounts', { isOrigin: false });
