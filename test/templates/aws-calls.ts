/** Which calls a request to DynamoDB, ECS, KMS, S3 or Secrets Manager makes, in the words of IAM: action, ARN and the keys of conditions. */
import type { Json } from '../../infra/test/context.ts';
import type { Call } from './role-policy.ts';
import type { Place } from './values.ts';

export interface Request {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** `DynamoDB_20120810.PutItem`, `TrentService.Decrypt`; empty for S3. */
  readonly target: string;
  readonly body: Buffer;
}

export const ecsApi = 'AmazonEC2ContainerServiceV20141113';

/** @throws for a request that no service of ours makes */
export function callsOf(request: Request, place: Place): Call[] {
  const { target, body } = request;
  if (target === '') return [bucketCall(request)];
  const [service, operation] = target.split('.') as [string, string];
  const given: Json = JSON.parse(body.toString());
  if (service === 'TrentService') return [keyCall(operation, given)];
  if (service === 'secretsmanager') return [{ action: `secretsmanager:${operation}`, resource: given.SecretId, context: {} }];
  if (service === ecsApi) return [serviceCall(operation, given, place)];
  return rowCalls(operation, given, place);
}

function serviceCall(operation: string, given: Json, { region, account }: Place): Call {
  const [name] = [given.service ?? given.services].flat();
  const context: Call['context'] = given.taskDefinition === undefined ? {} : { 'ecs:task-definition': [given.taskDefinition] };
  return { action: `ecs:${operation}`, resource: `arn:aws:ecs:${region}:${account}:service/${given.cluster}/${name}`, context };
}

function rowCalls(operation: string, given: Json, { region, account }: Place): Call[] {
  const call = (action: string, table: string, partitions: readonly string[]): Call => ({
    action: `dynamodb:${action}`,
    resource: `arn:aws:dynamodb:${region}:${account}:table/${table}`,
    context: partitions.length > 0 ? { 'dynamodb:LeadingKeys': [...new Set(partitions)] } : {},
  });
  const tables = Object.entries((given.RequestItems ?? {}) as Record<string, Json>);
  if (operation === 'BatchGetItem')
    return tables.map(([table, { Keys }]) =>
      call(
        operation,
        table,
        Keys.map(({ p }: Json) => p.S),
      ),
    );
  if (operation === 'BatchWriteItem')
    return tables.map(([table, items]) => {
      const partitions = items.map(({ PutRequest, DeleteRequest }: Json) => (PutRequest?.Item ?? DeleteRequest.Key).p.S);
      const deleted = items.flatMap(({ DeleteRequest }: Json) => DeleteRequest?.Key.p.S ?? []);
      return { ...call(operation, table, partitions), ...(deleted.length > 0 && { deleted }) };
    });
  const partition = given.Key?.p.S ?? given.Item?.p.S ?? given.ExpressionAttributeValues?.[':p']?.S;
  const partitions = partition === undefined ? [] : [partition];
  const own = call(operation, given.TableName, partitions);
  // Whoever is shown the row that was in the way has read it.
  return given.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' ? [own, call('GetItem', given.TableName, partitions)] : [own];
}

function keyCall(operation: string, { KeyId, EncryptionContext }: Json): Call {
  const pairs = Object.entries((EncryptionContext ?? {}) as Record<string, string>);
  const context = Object.fromEntries(pairs.map(([name, value]) => [`kms:EncryptionContext:${name}`, [value]]));
  return { action: `kms:${operation}`, resource: KeyId, context };
}

const objectActions: Readonly<Record<string, string>> = {
  PUT: 's3:PutObject',
  DELETE: 's3:DeleteObject',
  GET: 's3:GetObject',
  HEAD: 's3:GetObject',
};

/** In path style, because the endpoint is an address. */
function bucketCall({ method, path }: Request): Call {
  const [, bucket = '', ...rest] = decodeURIComponent(path).split('/');
  const key = rest.join('/');
  const isList = key === '' && method === 'GET';
  const action = isList ? 's3:ListBucket' : objectActions[method];
  if (action === undefined || (key === '' && !isList)) throw new Error(`${method} ${path} is unknown here`);
  return { action, resource: `arn:aws:s3:::${bucket}${isList ? '' : `/${key}`}`, context: {} };
}
