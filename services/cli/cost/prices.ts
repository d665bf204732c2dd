/** Reads the dated price table, in US dollars. */
import table from './prices.json' with { type: 'json' };

export type Region = 'us-east-1' | 'eu-central-1';
export type PriceName = keyof typeof table.prices;

export const pricesDate = table.date;

export function priceOf(name: PriceName, region: Region): number {
  return table.prices[name][region];
}

/** The price of an amount that gets cheaper in steps: each step's price applies only to the gigabytes within that step. */
export function tieredPrice(name: keyof typeof table.tiers, gb: number): number {
  let [from, total] = [0, 0];
  for (const step of table.tiers[name].steps) {
    const to = Math.min(gb, step.upToGb ?? Number.POSITIVE_INFINITY);
    if (to <= from) break;
    total += (to - from) * step.price;
    from = to;
  }
  return total;
}

/** The names of the pages that list the prices. `isSeen` tells whether all prices of the Region were compared with the page. */
export function pricePages(region: Region): { readonly page: string; readonly isSeen: boolean }[] {
  const entries = [...Object.values(table.prices), ...Object.values(table.tiers)];
  const pages = [...new Set(entries.map(({ page }) => page))].sort();
  return pages.map((page) => ({
    page,
    isSeen: entries.every((entry) => entry.page !== page || (entry.seen as readonly string[]).includes(region)),
  }));
}
