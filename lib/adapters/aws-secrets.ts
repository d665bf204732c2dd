/** Secrets of AWS Secrets Manager: texts of at most 64 KiB. */
import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Unavailable } from '../ports/store.ts';
import { type AwsAccess, awsClientOptions } from './aws-client.ts';

export interface AwsSecrets {
  /** @throws {Unavailable} */
  read(id: string): Promise<string>;
  /** Whoever reads it from now on gets the new text. @throws {Unavailable} */
  write(id: string, text: string): Promise<void>;
  close(): void;
}

export function openAwsSecrets(access: AwsAccess): AwsSecrets {
  const client = new SecretsManagerClient(awsClientOptions(access));
  const ask = async <Answer>(what: string, send: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await send();
    } catch (cause) {
      const { name, message } = cause as Error;
      throw new Unavailable(`Secrets Manager ${what}: ${name}: ${message}`, { cause });
    }
  };
  return {
    async read(SecretId) {
      const { SecretString } = await ask('GetSecretValue', () => client.send(new GetSecretValueCommand({ SecretId })));
      return SecretString ?? '';
    },
    async write(SecretId, SecretString) {
      await ask('PutSecretValue', () => client.send(new PutSecretValueCommand({ SecretId, SecretString })));
    },
    close: () => client.destroy(),
  };
}
