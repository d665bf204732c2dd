/** The addresses outside of a network, as blocks: a security group has rules that allow, and none that refuse. */

/** @param cidr such as `10.0.0.0/16`. @returns as many blocks as its prefix has bits, from the largest to the smallest */
export function outsideOf(cidr: string): readonly string[] {
  const [address = '', bits = ''] = cidr.split('/');
  const inside = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  return Array.from({ length: Number(bits) }, (_, index) => {
    const prefix = index + 1;
    const size = 2 ** (32 - prefix);
    const sibling = Math.floor(inside / size) % 2 === 0 ? inside + size : inside - size;
    const base = Math.floor(sibling / size) * size;
    return `${[24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join('.')}/${prefix}`;
  });
}
