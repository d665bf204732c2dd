/** The options that all clients of AWS share, except DynamoDB and S3, which have bounds of their own. */
import { adapterLimits } from './limits.ts';

export interface AwsAccess {
  readonly region: string;
  /** The URL of another engine with the same API. Default: the region's own. */
  readonly endpoint?: string;
  /** Default: the SDK's own chain (environment, task role). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export function awsClientOptions({ region, endpoint, credentials }: AwsAccess) {
  return {
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
    maxAttempts: adapterLimits.awsTriesMax,
    requestHandler: {
      connectionTimeout: adapterLimits.awsConnectTimeoutMs,
      requestTimeout: adapterLimits.awsRequestTimeoutMs,
      throwOnRequestTimeout: true,
    },
  };
}
