/** What all clients of AWS but those with bounds of their own (DynamoDB, S3) are made with. */
import { limits } from '../limits.ts';

export interface AwsAccess {
  readonly region: string;
  /** An engine with the same API; the region's own when left out. */
  readonly endpoint?: string;
  /** The SDK's chain (environment, task role) when left out. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export function awsClientOptions({ region, endpoint, credentials }: AwsAccess) {
  return {
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
    maxAttempts: limits.awsTriesMax,
    requestHandler: {
      connectionTimeout: limits.awsConnectTimeoutMs,
      requestTimeout: limits.awsRequestTimeoutMs,
      throwOnRequestTimeout: true,
    },
  };
}
