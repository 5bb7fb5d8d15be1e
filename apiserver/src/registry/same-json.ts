/** Whether two JSON values mean the same: the order of fields does not count, and a field that is undefined is none. */
export function sameJson(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one)) {
    return (
      Array.isArray(other) && one.length === other.length && one.every((item, index) => sameJson(item, other[index]))
    );
  }
  if (Array.isArray(other)) return false;
  return sameFields(one as Record<string, unknown>, other as Record<string, unknown>);
}

function sameFields(one: Record<string, unknown>, other: Record<string, unknown>): boolean {
  let left = 0;
  for (const name in one) {
    if (one[name] === undefined) continue;
    if (!sameJson(one[name], other[name])) return false;
    left++;
  }
  for (const name in other) if (other[name] !== undefined) left--;
  return left === 0;
}
