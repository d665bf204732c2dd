/**
 * The output of `npm run bundle` in the project's `dist`. It is checked before use, because even an empty asset would be
 * deployed.
 */
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { Architecture, Code, type FunctionProps, Function as Lambda, Runtime } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { SettingError, type Settings } from './settings.ts';

export type BundleName = 'skylark' | 'web-lambda' | 'certificates-lambda';

const dockerfile = join(import.meta.dirname, '..', 'image', 'Dockerfile');

/** @throws {SettingError} */
function folderOf({ bundles }: Settings, name: BundleName): string {
  const folder = resolve(import.meta.dirname, '..', bundles, name);
  if (existsSync(join(folder, 'index.mjs'))) return folder;
  throw new SettingError(
    `${join(bundles, name, 'index.mjs')} is missing; make the bundles with \`npm run bundle\` in the project’s folder`,
  );
}

/** Only the bundle goes into the build: the folder for the image holds nothing else. */
export function skylarkImage(scope: Construct, settings: Settings): ContainerImage {
  if (settings.image !== undefined) return namedImage(scope, settings.image);
  const bundle = folderOf(settings, 'skylark');
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
    code: Code.fromAsset(folderOf(settings, name)),
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'index.handler',
  });
}
