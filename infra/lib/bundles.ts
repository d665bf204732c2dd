/** The image of the services and the Lambda functions, made of the output of `npm run bundle`. Reading the settings has checked that it is there. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { Architecture, Code, type FunctionProps, Function as Lambda, Runtime } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { type BundleName, bundleFolder } from './bundle-folders.ts';
import type { Settings } from './settings.ts';

const dockerfile = join(import.meta.dirname, '..', 'image', 'Dockerfile');

/** Only the bundle goes into the build: the folder for the image holds nothing else. */
export function skylarkImage(scope: Construct, settings: Settings): ContainerImage {
  if (settings.image !== undefined) return namedImage(scope, settings.image);
  const bundle = bundleFolder(settings, 'skylark');
  const folder = mkdtempSync(join(tmpdir(), 'skylark-image-'));
  try {
    cpSync(dockerfile, join(folder, 'Dockerfile'));
    cpSync(bundle, join(folder, 'dist', 'skylark'), { recursive: true });
    const asset = new DockerImageAsset(scope, 'Image', { directory: folder, platform: Platform.LINUX_ARM64 });
    return ContainerImage.fromDockerImageAsset(asset);
  } finally {
    rmSync(folder, { recursive: true, force: true }); // the CDK has made its own copy
  }
}

const ecrPattern =
  /^(?<account>\d{12})\.dkr\.ecr\.(?<region>[a-z0-9-]+)\.amazonaws\.com\/(?<name>[a-z0-9._/-]+)(?:@(?<digest>sha256:[0-9a-f]{64})|:(?<tag>[\w.-]+))$/;

/** An image from ECR gets the right to fetch from its repository. An image from elsewhere must be public. */
function namedImage(scope: Construct, image: string): ContainerImage {
  const parts = ecrPattern.exec(image)?.groups;
  if (parts === undefined) return ContainerImage.fromRegistry(image);
  const { account, region, name, digest, tag } = parts;
  const repositoryArn = Stack.of(scope).formatArn({
    service: 'ecr',
    region,
    account,
    resource: 'repository',
    resourceName: name,
  });
  const repository = Repository.fromRepositoryAttributes(scope, 'Repository', { repositoryArn, repositoryName: name! });
  return ContainerImage.fromEcrRepository(repository, digest ?? tag);
}

export function bundledLambda(
  scope: Construct,
  id: string,
  settings: Settings,
  name: Exclude<BundleName, 'skylark'>,
  props: Omit<FunctionProps, 'code' | 'runtime' | 'handler' | 'architecture'>,
): Lambda {
  return new Lambda(scope, id, {
    ...props,
    code: Code.fromAsset(bundleFolder(settings, name)),
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'index.handler',
  });
}
