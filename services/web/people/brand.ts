/** How a tenant looks: a style sheet with its colours, and its logo, so that pages need no inline styles. */
import { readLogo } from '../../../lib/runtime/policy/brand.ts';
import type { TenantPolicy } from '../../../lib/runtime/policy/tenant-policy.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';

const ownColour = '#1f5fd0';
const ownBackground = '#101b30';

/** The name for people. */
export function nameOf({ domain, policy }: Tenant): string {
  return policy.brandName.trim() || domain;
}

/** The policy lets only `#rrggbb` in. What is written on a colour is black or white, whichever is easier to read. */
export function brandStyle({ brandColour, brandBackground }: Pick<TenantPolicy, 'brandColour' | 'brandBackground'>): string {
  const colour = brandColour || ownColour;
  const background = brandBackground || ownBackground;
  return `:root {
  --brand: ${colour};
  --on-brand: ${readableOn(colour)};
  --banner: ${background};
  --on-banner: ${readableOn(background)};
}
`;
}

/** WCAG 2.2, relative luminance: one of the two always has a contrast of at least 4.5. */
function readableOn(colour: string): '#000000' | '#ffffff' {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return (luminance + 0.05) / 0.05 >= 1.05 / (luminance + 0.05) ? '#000000' : '#ffffff';
}

export function logoOf({ policy }: Tenant): ReturnType<typeof readLogo> {
  return policy.brandLogo === '' ? undefined : readLogo(policy.brandLogo);
}
