import { parseCgroupLayout } from './cgroup-layout.ts';
import { cpuWeightFromShares, planCgroupWrites } from './cgroup-limits.ts';

const v1Line = (controllers: string) =>
  `30 25 0:26 / /sys/fs/cgroup/${controllers} rw,nosuid shared:9 - cgroup cgroup rw,${controllers}`;
const v2Line = (point: string) => `29 24 0:25 / ${point} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate`;

describe('parseCgroupLayout', () => {
  it('tells v2', () => {
    const layout = parseCgroupLayout(v2Line('/sys/fs/cgroup'));
    expect(layout.version).toBe('v2');
    expect(layout.treeOf('memory')).toBe('/sys/fs/cgroup');
    expect(layout.trees).toEqual(['/sys/fs/cgroup']);
  });

  it('finds controllers that share a tree in v1', () => {
    const layout = parseCgroupLayout([v1Line('cpu,cpuacct'), v1Line('memory')].join('\n'));
    expect(layout.version).toBe('v1');
    expect(layout.treeOf('cpuacct')).toBe('/sys/fs/cgroup/cpu,cpuacct');
    expect(layout.treeOf('pids')).toBeUndefined();
  });

  it('has the empty v2 tree among the trees of a hybrid, without controllers', () => {
    const layout = parseCgroupLayout([v1Line('memory'), v2Line('/sys/fs/cgroup/unified')].join('\n'));
    expect(layout.version).toBe('hybrid');
    expect(layout.trees).toEqual(['/sys/fs/cgroup/memory', '/sys/fs/cgroup/unified']);
    expect(layout.treeOf('cpu')).toBeUndefined();
  });

  it('says what to do without cgroups', () => {
    expect(() => parseCgroupLayout('')).toThrow(/mount cgroup2/);
  });
});

describe('planCgroupWrites', () => {
  const limits = { cpuShares: 512, cpuQuota: 50_000, memoryLimitInBytes: 1024, pidsLimit: 10 };

  it('writes v1 files, the period before the quota', () => {
    expect(planCgroupWrites(limits, 'hybrid').map(({ file, value }) => `${file}=${value}`)).toEqual([
      'cpu.shares=512',
      'cpu.cfs_period_us=100000',
      'cpu.cfs_quota_us=50000',
      'memory.limit_in_bytes=1024',
      'pids.max=10',
    ]);
  });

  it('writes v2 files', () => {
    expect(planCgroupWrites(limits, 'v2').map(({ file, value }) => `${file}=${value}`)).toEqual([
      'cpu.weight=20',
      'cpu.max=50000 100000',
      'memory.max=1024',
      'pids.max=10',
    ]);
    expect(planCgroupWrites({ cpuQuota: -1 }, 'v2')).toEqual([
      { controller: 'cpu', file: 'cpu.max', value: 'max 100000' },
    ]);
  });

  it('maps the ends of the range of shares to those of the weight', () => {
    expect(cpuWeightFromShares(2)).toBe(1);
    expect(cpuWeightFromShares(262_144)).toBe(10_000);
    expect(cpuWeightFromShares(1024)).toBe(39);
  });
});
