/**
 * The Keys port on AWS KMS: sealing takes one GenerateDataKey, opening one Decrypt; KMS never sees the secret itself.
 * The encryption context is `{ domain: <context> }`, so that policies can use `kms:EncryptionContext:domain`.
 */
import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import type { Clock } from '../ports/clock.ts';
import { type Keys, NotOpened } from '../ports/keys.ts';
import { Unavailable } from '../ports/store.ts';
import { type AwsAccess, awsClientOptions } from './aws-client.ts';
import { envelopeKeys } from './envelope.ts';

export interface KmsKeysOptions extends AwsAccess {
  /** Key id, ARN or `alias/…`. */
  readonly keyId: string;
  readonly clock: Clock;
}

export interface KmsKeys extends Keys {
  close(): void;
}

/** The errors of KMS for a text that it did not make, or made for another context. */
const verdicts: ReadonlySet<string> = new Set(['InvalidCiphertextException', 'IncorrectKeyException']);

export function openKmsKeys({ keyId, clock, ...access }: KmsKeysOptions): KmsKeys {
  const client = new KMSClient(awsClientOptions(access));
  const ask = async <Answer>(what: string, send: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await send();
    } catch (cause) {
      const { name, message } = cause as Error;
      if (verdicts.has(name)) throw new NotOpened('KMS did not seal this text, or sealed it for something else', { cause });
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
        if (wrapped.length === 0) throw new NotOpened('the text is not a sealed secret');
        const given = { KeyId: keyId, CiphertextBlob: wrapped, EncryptionContext: { domain: context } };
        const { Plaintext } = await ask('Decrypt', () => client.send(new DecryptCommand(given)));
        return Plaintext!;
      },
    },
    clock,
  );
  return { ...keys, close: () => client.destroy() };
}
