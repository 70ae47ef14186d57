import PgBoss from 'pg-boss';
import { CONCURRENCY, run } from './phases.mjs';

const batched = process.env.BENCH_BATCHED === '1';

await run(async (url, phase) => {
  const boss = new PgBoss({ connectionString: url, max: 20, supervise: phase !== 'push', schedule: false });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue('bench', { retryLimit: 3 });
  let open = true;
  // Its own `work` waits at least half a second between two batches, so jobs are fetched in loops as its guide says.
  const loop = async (job, batchSize) => {
    while (open) {
      const jobs = await boss.fetch('bench', { batchSize });
      jobs.forEach(job);
      if (jobs.length > 0) await boss.complete('bench', jobs.map(({ id }) => id));
      else await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  return {
    add: (data) => boss.send('bench', data),
    addBulk: (list) => boss.insert(list.map((data) => ({ name: 'bench', data }))),
    work: async (job) => {
      if (phase === 'drain' && batched) for (let n = 0; n < 4; n += 1) loop(job, 500);
      else if (phase === 'drain') for (let n = 0; n < CONCURRENCY; n += 1) loop(job, 1);
      else await boss.work('bench', { pollingIntervalSeconds: 0.5 }, async () => job());
    },
    close: async () => {
      open = false;
      await boss.stop({ graceful: false });
    },
  };
});
