/** Limits of a cgroup in CRI's units; 0 or absent = not set. */
export interface CgroupLimits {
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly memoryLimitInBytes?: number;
  readonly pidsLimit?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  readonly unified?: Readonly<Record<string, string>>;
}

export interface CgroupWrite {
  readonly controller: string;
  readonly file: string;
  readonly value: string;
}

const cpuPeriodDefault = 100_000;

/** What to write into which file of a cgroup, pure. */
export function planCgroupWrites(limits: CgroupLimits, version: 'v1' | 'hybrid' | 'v2'): CgroupWrite[] {
  return version === 'v2' ? planV2(limits) : planV1(limits);
}

function planV1(limits: CgroupLimits): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  const add = (controller: string, file: string, value: number | string | undefined) => {
    if (value) writes.push({ controller, file, value: String(value) });
  };
  add('cpu', 'cpu.shares', limits.cpuShares);
  add('cpu', 'cpu.cfs_period_us', limits.cpuQuota ? (limits.cpuPeriod ?? cpuPeriodDefault) : limits.cpuPeriod);
  add('cpu', 'cpu.cfs_quota_us', limits.cpuQuota);
  add('memory', 'memory.limit_in_bytes', limits.memoryLimitInBytes);
  add('pids', 'pids.max', limits.pidsLimit);
  add('cpuset', 'cpuset.cpus', limits.cpusetCpus);
  add('cpuset', 'cpuset.mems', limits.cpusetMems);
  for (const { pageSize, limit } of limits.hugepageLimits ?? []) {
    writes.push({ controller: 'hugetlb', file: `hugetlb.${pageSize}.limit_in_bytes`, value: String(limit) });
  }
  return writes;
}

function planV2(limits: CgroupLimits): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  const add = (controller: string, file: string, value: number | string | undefined) => {
    if (value) writes.push({ controller, file, value: String(value) });
  };
  if (limits.cpuShares) add('cpu', 'cpu.weight', cpuWeightFromShares(limits.cpuShares));
  if (limits.cpuQuota) {
    const quota = limits.cpuQuota > 0 ? limits.cpuQuota : 'max';
    add('cpu', 'cpu.max', `${quota} ${limits.cpuPeriod || cpuPeriodDefault}`);
  }
  add('memory', 'memory.max', limits.memoryLimitInBytes);
  add('pids', 'pids.max', limits.pidsLimit);
  add('cpuset', 'cpuset.cpus', limits.cpusetCpus);
  add('cpuset', 'cpuset.mems', limits.cpusetMems);
  for (const { pageSize, limit } of limits.hugepageLimits ?? []) {
    writes.push({ controller: 'hugetlb', file: `hugetlb.${pageSize}.max`, value: String(limit) });
  }
  for (const [file, value] of Object.entries(limits.unified ?? {})) {
    add(file.slice(0, file.indexOf('.')), file, value);
  }
  return writes;
}

/** The linear map from cpu.shares (2 to 262144) to cpu.weight (1 to 10000) that the OCI runtimes use. */
export function cpuWeightFromShares(shares: number): number {
  const bounded = Math.min(Math.max(shares, 2), 262_144);
  return 1 + Math.floor(((bounded - 2) * 9999) / 262_142);
}
