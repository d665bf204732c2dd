/** All operations. */

import { announcementCancel, announcementList, announcementSend } from './announcements.ts';
import { auditList, auditTenantList } from './audit.ts';
import { cellList } from './cells.ts';
import { certificateDelete, certificateGet, certificatePut, certificateQuery } from './certificate-rows.ts';
import { certificateAdd, certificateList, certificateRemove, certificateShow } from './certificates.ts';
import { componentAdd, componentGrant, componentList, componentRemove } from './components.ts';
import { consoleLink } from './console.ts';
import { fileList, fileRemove, fileTotals } from './files.ts';
import { inviteCreate, inviteList, inviteRevoke, userReset } from './invites.ts';
import { keyAdd, keyList, keyRemove, keyRotate } from './keys.ts';
import { messageSend } from './messages.ts';
import { motdRemove, motdSet, motdShow } from './motd.ts';
import { nodeDrain, nodeUndrain, status } from './nodes.ts';
import type { Operation } from './operation.ts';
import { peerList, peerRetry, peerTenantList } from './peers.ts';
import { accountExport, accountImport } from './portable.ts';
import { reportList, reportRemove, reportShow } from './reports.ts';
import { roleDeploymentList, roleList, userRole } from './roles.ts';
import { roomAffiliate, roomDestroy, roomKick, roomList, roomShow } from './rooms.ts';
import { rosterGroupAdd, rosterGroupDrop, rosterGroupList, rosterGroupRemove, rosterGroupSet } from './roster-groups.ts';
import { tenantIndex } from './search-index.ts';
import { deviceList, deviceRevoke, sessionEnd, sessionList } from './sessions.ts';
import { tenantSet, tenantShow } from './tenant-policy.ts';
import { tenantAdd, tenantList, tenantProve, tenantRemove } from './tenants.ts';
import { tokenCreate, tokenRevoke } from './tokens.ts';
import { userDisable, userEnable, userShow } from './user-access.ts';
import { userAdd, userList, userPassword, userRemove } from './users.ts';
import { webhookAdd, webhookList, webhookRemove, webhookTest } from './webhooks.ts';

export const operations: readonly Operation[] = [
  userAdd,
  userRemove,
  userList,
  userPassword,
  userRole,
  roleList,
  roleDeploymentList,
  userShow,
  userDisable,
  userEnable,
  userReset,
  accountImport,
  accountExport,
  tokenCreate,
  tokenRevoke,
  inviteCreate,
  inviteList,
  inviteRevoke,
  reportList,
  reportShow,
  reportRemove,
  rosterGroupSet,
  rosterGroupList,
  rosterGroupAdd,
  rosterGroupDrop,
  rosterGroupRemove,
  announcementSend,
  announcementList,
  announcementCancel,
  motdSet,
  motdShow,
  motdRemove,
  messageSend,
  sessionList,
  sessionEnd,
  deviceList,
  deviceRevoke,
  fileList,
  fileTotals,
  fileRemove,
  roomList,
  roomShow,
  roomAffiliate,
  roomKick,
  roomDestroy,
  tenantAdd,
  tenantProve,
  tenantRemove,
  tenantList,
  tenantSet,
  tenantShow,
  tenantIndex,
  cellList,
  componentAdd,
  componentGrant,
  componentRemove,
  componentList,
  status,
  nodeDrain,
  nodeUndrain,
  peerList,
  peerTenantList,
  peerRetry,
  certificateList,
  certificateShow,
  certificateAdd,
  certificateRemove,
  certificateQuery,
  certificateGet,
  certificatePut,
  certificateDelete,
  webhookAdd,
  webhookList,
  webhookTest,
  webhookRemove,
  keyAdd,
  keyList,
  keyRotate,
  keyRemove,
  auditList,
  auditTenantList,
  consoleLink,
];
