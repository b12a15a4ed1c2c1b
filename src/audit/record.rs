//! One line of the audit log.

use std::time::SystemTime;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::api::attachments::signature::SignatureRo;
use crate::api::problem::ProblemCode;
use crate::registry::Attachment;
use crate::token::UploadGrant;

/// What was done. Requests are called as the contract's operations are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// A signature was asked for.
    GetSignature,
    /// A file was notified.
    NotifyUpload,
    /// An address of a file was asked for.
    OpenAttachment,
    /// An access token was made.
    CreateAccessToken,
    /// An access token was revoked.
    RevokeAccessToken,
}

impl Action {
    /// The action that an operation of the contract is, if it is one that somebody with an access token does.
    #[must_use]
    pub fn of_operation(id: &str) -> Option<Self> {
        match id {
            "getSignature" => Some(Self::GetSignature),
            "notifyUpload" => Some(Self::NotifyUpload),
            "openAttachment" => Some(Self::OpenAttachment),
            _ => None,
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Outcome {
    Allowed,
    Refused,
    /// Whoever asked went away before the answer. It may have been done.
    Abandoned,
}

/// Who did it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Actor<'a> {
    /// Who holds the access token with this public id.
    #[serde(rename_all = "camelCase")]
    Holder { access_token: &'a str },
    /// Who runs the process.
    User { uid: u32 },
}

/// The file that a request is about, as far as it is known.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(rename = "type")]
    upload_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    media_type: String,
    size: u64,
}

impl Subject {
    /// The file that somebody wishes to send.
    #[must_use]
    pub fn wished(wish: &SignatureRo) -> Self {
        Self {
            path: None,
            upload_type: wish.upload_type.number(),
            base: wish.base_id.clone(),
            media_type: wish.content_type.clone(),
            size: wish.content_length.get(),
        }
    }

    /// The file that was signed for.
    #[must_use]
    pub fn signed(grant: &UploadGrant) -> Self {
        Self {
            path: Some(grant.key.path()),
            upload_type: grant.key.upload_type.number(),
            base: grant.base.clone(),
            media_type: grant.media_type.to_string(),
            size: grant.size,
        }
    }

    /// The file that was notified.
    #[must_use]
    pub fn stored(attachment: &Attachment) -> Self {
        Self {
            path: Some(attachment.key.path()),
            upload_type: attachment.key.upload_type.number(),
            base: attachment.base.clone(),
            media_type: attachment.media_type.to_string(),
            size: attachment.size,
        }
    }
}

/// A line of the audit log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(serialize_with = "rfc3339")]
    pub(super) time: SystemTime,
    pub(super) action: Action,
    pub(super) outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<ProblemCode>,
    pub(super) actor: Actor<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) access_token: Option<&'a str>,
    #[serde(flatten)]
    pub(super) subject: Option<&'a Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<String>,
}

impl<'a> Record<'a> {
    pub(super) fn of_request(
        action: Action,
        outcome: Outcome,
        code: Option<ProblemCode>,
        caller: &'a str,
        subject: Option<&'a Subject>,
        request: Uuid,
    ) -> Self {
        Self {
            time: SystemTime::now(),
            action,
            outcome,
            code,
            actor: Actor::Holder { access_token: caller },
            access_token: None,
            subject,
            request: Some(request.to_string()),
        }
    }

    /// The record as JSON, with the end of the line.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(384);
        // Texts and numbers into memory: nothing of that fails.
        if serde_json::to_writer(&mut line, self).is_err() {
            line.clear();
        }
        line.push(b'\n');
        line
    }
}

fn rfc3339<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&humantime::format_rfc3339_millis(*time))
}
