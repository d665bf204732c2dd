/** What the passwords for the TURN servers are made of: `static-auth-secret` in the configuration of coturn. */
import { secretKey } from './policy-key.ts';

export const turnSecret = secretKey("what TURN servers share with the tenant (coturn's static-auth-secret)");
