/**
 * The way of uploads to the bucket. Clients put with URLs that a router has signed for the bucket, and send nothing else than XEP-0363 lets
 * them; the function adds `If-None-Match: *`, which is signed, too, so that a slot is used once (decision 27).
 */
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  Function as EdgeFunction,
  FunctionCode,
  FunctionEventType,
  FunctionRuntime,
  HttpVersion,
  OriginRequestPolicy,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import type { Settings } from './settings.ts';
import { uploadsFunction } from './uploads-function.ts';

export class UploadsCdn extends Construct {
  readonly url: string;

  constructor(scope: Construct, id: string, { bucket, settings }: { readonly bucket: IBucket; readonly settings: Settings }) {
    super(scope, id);
    const once = new EdgeFunction(this, 'Once', {
      comment: 'Lets a slot for a file be used once',
      runtime: FunctionRuntime.JS_2_0,
      code: FunctionCode.fromInline(uploadsFunction),
    });
    const distribution = new Distribution(this, 'Distribution', {
      comment: `Uploads of ${settings.name}`,
      defaultBehavior: {
        // The router has signed what is sent, so the CDN must not sign it anew.
        origin: S3BucketOrigin.withBucketDefaults(bucket),
        allowedMethods: AllowedMethods.ALLOW_ALL,
        viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
        cachePolicy: CachePolicy.CACHING_DISABLED,
        originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        functionAssociations: [{ eventType: FunctionEventType.VIEWER_REQUEST, function: once }],
      },
      httpVersion: HttpVersion.HTTP2_AND_3,
    });
    acknowledge(distribution, {
      CFR1: 'users of a messaging service may be anywhere',
      CFR2: 'what is put there is signed, with its length and type, so a firewall would have nothing to filter',
      CFR3: 'the link is the only secret of a file (XEP-0363), so a log of links would open every file',
      CFR4: 'clients are told the address by the service, so the name and certificate of the CDN itself are enough',
      CFR7: 'the URL has the signature of a router; the CDN itself may not write to the bucket',
    });
    this.url = `https://${distribution.distributionDomainName}/`;
  }
}
