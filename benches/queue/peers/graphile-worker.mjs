import { makeWorkerUtils, run as start, Logger } from 'graphile-worker';
import pg from 'pg';
import { CONCURRENCY, run } from './phases.mjs';

const batched = process.env.BENCH_BATCHED === '1';
const logger = new Logger(() => () => {});

await run(async (url) => {
  const pgPool = new pg.Pool({ connectionString: url, max: 20 });
  const utils = await makeWorkerUtils({ pgPool, logger });
  await utils.migrate();
  let runner;
  return {
    add: (data) => utils.addJob('job', data, { maxAttempts: 4 }),
    addBulk: (list) => utils.addJobs(list.map((payload) => ({ identifier: 'job', payload, maxAttempts: 4 }))),
    work: async (job) => {
      const batches = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
      const preset = { worker: { concurrentJobs: CONCURRENCY, ...(batched ? batches : {}) } };
      runner = await start({ pgPool, logger, noHandleSignals: true, taskList: { job: async () => job() }, preset });
    },
    close: async () => {
      await runner?.stop();
      await utils.release();
      await pgPool.end();
    },
  };
});
