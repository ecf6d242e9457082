//! Amazon CloudWatch Logs: groups, streams and events on the store, with a buffer in front of it for what runs here.
//!
//! Lambda and API Gateway write with [`Logs::append`], which never waits; [`Logs::flush`] moves what they wrote to the
//! store, and every read does so first, so that what was written is read. Clients write with PutLogEvents, which
//! answers after the commit.

#![forbid(unsafe_code)]

mod buffer;
mod checks;
mod definitions;
mod delivery;
mod destinations;
mod events;
mod fail;
mod filter;
mod filter_regex;
mod groups;
mod insights;
mod json_filter;
mod live_tail;
mod metric_filters;
mod model;
mod names;
mod policies;
mod read;
mod retention;
mod shelf;
mod space_filter;
mod streams;
mod subscriptions;
mod tags;
mod write;

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arn::AccountId;
use policy::{Check, Principal};
use store::Store;
use wire::{ApiError, Call, Reply};

use buffer::Buffer;
use delivery::Deliveries;
use insights::Queries;
use live_tail::Tails;
use write::{Sequence, Written};

pub use delivery::Delivery;
pub use live_tail::{LiveTail, Update};
pub use names::stream_arn;

/// CloudWatch Logs of every account and region.
pub struct Logs {
    store: Store,
    buffer: Mutex<Buffer>,
    /// Held from taking the buffer's content to its commit: whoever wants to read waits for that.
    flushing: Mutex<()>,
    sequence: Sequence,
    deliveries: Deliveries,
    tails: Tails,
    queries: Queries,
}

impl Logs {
    /// The log groups that are in `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let sequence = Sequence::from_clock(now_ms());
        Self {
            store,
            buffer: Mutex::default(),
            flushing: Mutex::default(),
            sequence,
            deliveries: Deliveries::new(),
            tails: Tails::default(),
            queries: Queries::default(),
        }
    }

    /// Takes events, each with its time in milliseconds since 1970, for a stream that is made when it does not
    /// exist. Does not wait and does not fail: while 32 MiB are waiting for [`Self::flush`], further events are
    /// dropped, and the stream says so.
    pub fn append(
        &self,
        account: AccountId,
        region: &str,
        group: &str,
        stream: &str,
        events: Vec<(i64, String)>,
    ) {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.push(account, region, group, stream, events, now_ms());
    }

    /// Moves everything appended so far to the store, in one transaction. The server calls it some times a second
    /// and at its end. Blocks; costs nothing when nothing is waiting.
    ///
    /// # Errors
    /// When the store cannot be written; the events stay in the buffer.
    pub fn flush(&self) -> Result<(), ApiError> {
        let _flushing = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::take(&mut *self.buffer.lock().unwrap_or_else(PoisonError::into_inner));
        if taken.is_empty() {
            return Ok(());
        }
        let lines = taken.lines();
        match write::write(&self.store, &self.sequence, &lines, true) {
            Ok(written) => self.publish(&written),
            Err(fail) => {
                self.buffer.lock().unwrap_or_else(PoisonError::into_inner).put_back(lines);
                return Err(fail.into());
            }
        }
        Ok(())
    }

    /// Events that were stored, for subscriptions and live tails.
    fn publish(&self, written: &[Written]) {
        self.deliveries.publish(&self.store, written);
        self.tails.publish(written);
    }

    /// What subscription filters want delivered since the last time, and how many messages were dropped because
    /// nobody took them. The server calls it after [`Self::flush`].
    #[must_use]
    pub fn deliveries(&self) -> (Vec<Delivery>, u64) {
        self.deliveries.take()
    }

    /// Takes back a delivery that is to be tried again.
    pub fn deliver_later(&self, delivery: Delivery) {
        self.deliveries.push(delivery);
    }

    /// Checks a call of PutSubscriptionFilter as far as Logs can, and tells which function has to agree: the caller asks
    /// it before the filter is put.
    ///
    /// # Errors
    /// AWS's error for an input that is refused whatever the function says.
    pub fn subscribed_function(&self, call: &Call) -> Result<Option<String>, ApiError> {
        self.flush()?;
        subscriptions::validate(&self.store, call).map_err(ApiError::from)
    }

    /// Begins a session of StartLiveTail; it ends when it is dropped.
    ///
    /// # Errors
    /// AWS's error, or `NotImplemented` for groups of other accounts.
    pub fn live_tail(&self, call: &Call) -> Result<LiveTail, ApiError> {
        self.flush()?;
        self.tails.start(&self.store, call).map_err(ApiError::from)
    }

    /// Deletes events that are older than their group's retention. The server calls it now and then; reads do not
    /// show such events in any case. Tells how many batches were deleted.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn expire(&self, now_ms: i64) -> Result<usize, ApiError> {
        retention::expire(&self.store, now_ms).map_err(ApiError::from)
    }

    /// What must be allowed before `call` may run.
    ///
    /// # Errors
    /// `InvalidParameterException` when the group that the call is about cannot be told.
    pub fn checks(&self, call: &Call, _principal: &Principal) -> Result<Vec<Check>, ApiError> {
        checks::checks(&self.store, call).map_err(ApiError::from)
    }

    /// Runs an operation that was validated and allowed. Blocks while the store works.
    ///
    /// # Errors
    /// AWS's error, or `NotImplemented` for operations without behaviour.
    pub fn handle(&self, call: &Call) -> Result<Reply, ApiError> {
        // A stream that was only appended to exists for the caller as well.
        self.flush()?;
        let result = match call.operation {
            "CreateLogGroup" => groups::create(&self.store, call),
            "DeleteLogGroup" => groups::delete(&self.store, call),
            "DescribeLogGroups" => groups::describe(&self.store, call),
            "ListLogGroups" => groups::list(&self.store, call),
            "AssociateKmsKey" | "DisassociateKmsKey" | "PutLogGroupDeletionProtection" => {
                groups::change(&self.store, call)
            }
            "PutMetricFilter" => metric_filters::put(&self.store, call),
            "DescribeMetricFilters" => metric_filters::describe(&self.store, call),
            "DeleteMetricFilter" => metric_filters::delete(&self.store, call),
            "TestMetricFilter" => metric_filters::test(call),
            "PutSubscriptionFilter" => subscriptions::put(&self.store, call),
            "DescribeSubscriptionFilters" => subscriptions::describe(&self.store, call),
            "DeleteSubscriptionFilter" => subscriptions::delete(&self.store, call),
            "PutResourcePolicy" => policies::put(&self.store, call),
            "DescribeResourcePolicies" => policies::describe(&self.store, call),
            "DeleteResourcePolicy" => policies::delete(&self.store, call),
            "PutDestination" => destinations::put(&self.store, call),
            "DescribeDestinations" => destinations::describe(&self.store, call),
            "DeleteDestination" => destinations::delete(&self.store, call),
            "PutDestinationPolicy" => destinations::put_policy(&self.store, call),
            "PutQueryDefinition" => definitions::put(&self.store, call),
            "DescribeQueryDefinitions" => definitions::describe(&self.store, call),
            "DeleteQueryDefinition" => definitions::delete(&self.store, call),
            "PutRetentionPolicy" => retention::put(&self.store, call),
            "DeleteRetentionPolicy" => retention::delete(&self.store, call),
            "CreateLogStream" => streams::create(&self.store, call),
            "DeleteLogStream" => streams::delete(&self.store, call),
            "DescribeLogStreams" => streams::describe(&self.store, call),
            "PutLogEvents" => events::put(&self.store, &self.sequence, call).map(|(reply, written)| {
                self.publish(&written);
                reply
            }),
            "GetLogEvents" => events::get(&self.store, call),
            "FilterLogEvents" => events::filter(&self.store, call),
            "StartQuery" => self.queries.start(&self.store, call),
            "StopQuery" => self.queries.stop(call),
            "GetQueryResults" => self.queries.results(call),
            "DescribeQueries" => self.queries.describe(call),
            "GetLogRecord" => insights::record(&self.store, call),
            "GetLogGroupFields" => insights::fields(&self.store, call),
            "TagLogGroup" | "TagResource" => tags::tag(&self.store, call),
            "UntagLogGroup" | "UntagResource" => tags::untag(&self.store, call),
            "ListTagsLogGroup" | "ListTagsForResource" => tags::list(&self.store, call),
            other => return Err(ApiError::not_implemented("logs", other)),
        };
        result.map_err(ApiError::from)
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
