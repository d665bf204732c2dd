/**
 * The Keys port on AWS KMS: one GenerateDataKey for what is sealed, one Decrypt for what is opened; the secret itself never goes there.
 * The encryption context is `{ domain: <context> }`, so policies can say `kms:EncryptionContext:domain`.
 */
import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import type { Clock } from '../ports/clock.ts';
import { type Keys, NotOpened } from '../ports/keys.ts';
import { Unavailable } from '../ports/store.ts';
import { type AwsAccess, awsClientOptions } from './aws-client.ts';
import { envelopeKeys } from './envelope.ts';

export interface KmsKeysOptions extends AwsAccess {
  /** Id, ARN or `alias/…`. */
  readonly keyId: string;
  readonly clock: Clock;
}

export interface KmsKeys extends Keys {
  close(): void;
}

/** What KMS says of a text that it did not make, or for another context. */
const verdicts: ReadonlySet<string> = new Set(['InvalidCiphertextException', 'IncorrectKeyException']);

export function openKmsKeys({ keyId, clock, ...access }: KmsKeysOptions): KmsKeys {
  const client = new KMSClient(awsClientOptions(access));
  const ask = async <Answer>(what: string, send: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await send();
    } catch (cause) {
      const { name, message } = cause as Error;
      if (verdicts.has(name)) throw new NotOpened('KMS did not make it, or for something else', { cause });
      throw new Unavailable(`KMS ${what}: ${name}: ${message}`, { cause });
    }
  };
  const keys = envelopeKeys(
    {
      async mint(context) {
        const command = new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256', EncryptionContext: { domain: context } });
        const { Plaintext, CiphertextBlob } = await ask('GenerateDataKey', () => client.send(command));
        return { plain: Plaintext!, wrapped: CiphertextBlob! };
      },
      async unwrap(wrapped, context) {
        if (wrapped.length === 0) throw new NotOpened('it is no sealed secret');
        const given = { KeyId: keyId, CiphertextBlob: wrapped, EncryptionContext: { domain: context } };
        const { Plaintext } = await ask('Decrypt', () => client.send(new DecryptCommand(given)));
        return Plaintext!;
      },
    },
    clock,
  );
  return { ...keys, close: () => client.destroy() };
}
