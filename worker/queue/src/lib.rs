//! Jobs in, leases out: the queue behind one promise.
