/** The known name with the smallest edit distance. */
export function nearestName(given: string, known: readonly string[]): string {
  const distances = known.map((name) => ({ name, distance: editDistance(given, name) }));
  return distances.sort((a, b) => a.distance - b.distance)[0]?.name ?? '';
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
