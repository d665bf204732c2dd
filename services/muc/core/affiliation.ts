/** Affiliations and roles: XEP-0045 §5. */
export const affiliations = ['outcast', 'none', 'member', 'admin', 'owner'] as const;
export type Affiliation = (typeof affiliations)[number];

export const roles = ['none', 'visitor', 'participant', 'moderator'] as const;
export type Role = (typeof roles)[number];

/** A higher rank has more rights. */
export function affiliationRank(affiliation: Affiliation): number {
  return affiliations.indexOf(affiliation);
}

/** Is it that of an admin or owner? */
export function isAdminRank(affiliation: Affiliation): boolean {
  return affiliationRank(affiliation) >= affiliationRank('admin');
}

export function roleRank(role: Role): number {
  return roles.indexOf(role);
}

export function isAffiliation(text: string | undefined): text is Affiliation {
  return affiliations.includes(text as Affiliation);
}

export function isRole(text: string | undefined): text is Role {
  return roles.includes(text as Role);
}

/** §5.1.2: the role that an affiliation brings when its holder enters. */
export function initialRole(affiliation: Affiliation, isModerated: boolean): Role {
  if (affiliation === 'owner' || affiliation === 'admin') return 'moderator';
  return affiliation === 'none' && isModerated ? 'visitor' : 'participant';
}

/** §9 and §10: the role of an occupant whose affiliation changes. It keeps the voice that somebody has granted it. */
export function roleAfter(affiliation: Affiliation, before: Role, isModerated: boolean): Role {
  const initial = initialRole(affiliation, isModerated);
  if (initial === 'moderator' || before === 'moderator') return initial;
  return roleRank(before) > roleRank(initial) ? before : initial;
}
