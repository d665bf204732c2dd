/** All operations. */

import { auditList, auditTenantList } from './audit.ts';
import { certificateDelete, certificateGet, certificatePut, certificateQuery } from './certificates.ts';
import { componentAdd, componentGrant, componentList, componentRemove } from './components.ts';
import { keyAdd, keyList, keyRemove, keyRotate } from './keys.ts';
import { nodeDrain, status } from './nodes.ts';
import type { Operation } from './operation.ts';
import { peerList, peerRetry } from './peers.ts';
import { userRole } from './roles.ts';
import { tenantSet, tenantShow } from './tenant-policy.ts';
import { tenantAdd, tenantList, tenantRemove } from './tenants.ts';
import { userAdd, userList, userPassword, userRemove } from './users.ts';

export const operations: readonly Operation[] = [
  userAdd,
  userRemove,
  userList,
  userPassword,
  userRole,
  tenantAdd,
  tenantRemove,
  tenantList,
  tenantSet,
  tenantShow,
  componentAdd,
  componentGrant,
  componentRemove,
  componentList,
  status,
  nodeDrain,
  peerList,
  peerRetry,
  certificateQuery,
  certificateGet,
  certificatePut,
  certificateDelete,
  keyAdd,
  keyList,
  keyRotate,
  keyRemove,
  auditList,
  auditTenantList,
];
