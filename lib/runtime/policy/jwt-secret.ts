/** For tokens that are signed with a shared secret (HS256, HS384, HS512). */
import { secretKey } from './policy-key.ts';

export const jwtSecret = secretKey('what signs tokens of HS256 and the like');
