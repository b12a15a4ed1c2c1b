export interface paths {
    "/attachments/signature": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask for an upload signature
         * @description Retrieve upload signature.
         */
        post: operations["getSignature"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/attachments/upload/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Send the bytes of a file
         * @description Stores the bytes under an upload token. The token in the address is the only credential. An upload happens once: the same bytes again are accepted, other bytes are refused.
         */
        put: operations["uploadFile"];
        /**
         * Send the bytes of a file, with POST
         * @description The same as `uploadFile`, for clients that cannot send a PUT.
         */
        post: operations["uploadFileByPost"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/attachments/notify/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tell that the bytes have arrived
         * @description Makes an uploaded file readable and says what was stored. A repeated call gives the same file and a fresh `presignedUrl`.
         */
        post: operations["notifyUpload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/attachments/read/{bucket}/{dir}/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read a file
         * @description Answers the bytes of a file. A file in the public bucket is read without credentials, one in the private bucket with the read token that stands in its `presignedUrl`.
         */
        get: operations["readFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        /**
         * Read what is known of a file
         * @description The headers of `readFile`, without the bytes. No range applies to a HEAD request (RFC 9110, section 14.2).
         */
        head: operations["headFile"];
        patch?: never;
        trace?: never;
    };
    "/attachments/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Open a file by its token
         * @description Redirects to a fresh address at which the file can be read. `token` is the one that `notifyUpload` answered; it does not expire for this purpose.
         */
        get: operations["openAttachment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description What is about to be uploaded. Without `expiresIn` the token lives as long as the server's settings say, which is 6 days by default. */
        SignatureRo: {
            /**
             * @description Mime type
             * @example image/png
             */
            contentType: string;
            /**
             * @description File size
             * @example 123
             */
            contentLength: number;
            /**
             * @description Token expire time, seconds
             * @example 3600
             */
            expiresIn?: number;
            /**
             * @description File hash
             * @example xxxxxxxx
             */
            hash?: string;
            type: components["schemas"]["UploadType"];
            /** @example bse0000000000000000 */
            baseId?: string;
        };
        /**
         * @description Type
         * @example 1
         * @enum {integer}
         */
        UploadType: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14;
        /** @description Where and how to send the bytes */
        SignatureVo: {
            /**
             * @description Upload url
             * @example https://example.com/attachment/upload
             */
            url: string;
            /**
             * @description Upload method
             * @example POST
             */
            uploadMethod: string;
            /**
             * @description Secret key
             * @example xxxxxxxx
             */
            token: string;
            /**
             * @example {
             *       "Content-Type": "image/png"
             *     }
             */
            requestHeaders: {
                [key: string]: unknown;
            };
        };
        /** @description A stored file */
        NotifyVo: {
            /**
             * @description The token that the file was uploaded with
             * @example xxxxxxxx
             */
            token: string;
            /**
             * @description File size
             * @example 123
             */
            size: number;
            /**
             * @description Where the file stands on its server. It grants no access to a private file
             * @example /api/attachments/read/private/table/019a0b7c5d3e7f108a2b4c6d8e0f1a2b
             */
            url: string;
            /**
             * @description Where the file stands in its bucket
             * @example table/019a0b7c5d3e7f108a2b4c6d8e0f1a2b
             */
            path: string;
            /**
             * @description Mime type
             * @example image/png
             */
            mimetype: string;
            /**
             * @description Width in pixels, of an image
             * @example 100
             */
            width?: number;
            /**
             * @description Height in pixels, of an image
             * @example 100
             */
            height?: number;
            /**
             * @description An absolute URL at which the file can be read without a header, for a limited time
             * @example https://example.com/api/attachments/read/private/table/019a0b7c5d3e7f108a2b4c6d8e0f1a2b?token=xxxxxxxx
             */
            presignedUrl: string;
        };
        /**
         * Format: binary
         * @description The raw bytes of a file
         */
        FileContent: Blob;
        /** @description Why a request was refused (RFC 9457). `message` and `code` are what Teable's clients read. */
        Problem: {
            /**
             * @description A URI reference that names the kind of problem
             * @example about:blank
             */
            type: string;
            /**
             * @description The kind of problem in words
             * @example Bad Request
             */
            title: string;
            /**
             * Format: int32
             * @description The HTTP status
             * @example 400
             */
            status: number;
            /**
             * @description What happened this time, and what helps
             * @example contentLength must be at least 0
             */
            detail: string;
            /**
             * @description The same as `detail`
             * @example contentLength must be at least 0
             */
            message: string;
            code: components["schemas"]["ProblemCode"];
            /**
             * @description The request's id, which also stands in the server's log
             * @example urn:uuid:019a0b7c-5d3e-7f10-8a2b-4c6d8e0f1a2b
             */
            instance?: string;
            /** @description Every offending field */
            errors?: components["schemas"]["FieldError"][];
        };
        /**
         * @description A stable name of the kind of problem, for programs
         * @example validation_error
         * @enum {string}
         */
        ProblemCode: "validation_error" | "unauthorized" | "restricted_resource" | "token_expired" | "not_found" | "method_not_allowed" | "conflict" | "payload_too_large" | "unsupported_media_type" | "range_not_satisfiable" | "service_unavailable" | "insufficient_storage";
        /** @description One offending field */
        FieldError: {
            /**
             * @description A JSON pointer (RFC 6901) into the body, or `/path/NAME`, `/query/NAME`, `/header/NAME` for a parameter
             * @example /contentLength
             */
            pointer: string;
            /**
             * @description What is wrong with it
             * @example must be at least 0
             */
            message: string;
        };
    };
    responses: {
        /** @description The bytes are stored */
        Stored: {
            headers: {
                [name: string]: unknown;
            };
            content?: never;
        };
        /** @description The request breaks a rule of this document; `errors` names each offending field */
        BadRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description There is no access token, or not a valid one */
        Unauthorized: {
            headers: {
                /** @description The scheme to use, which is `Bearer` */
                "WWW-Authenticate"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The credentials do not reach this far */
        Forbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description There is no such file */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description This path has no such method */
        MethodNotAllowed: {
            headers: {
                /** @description The methods that it has */
                Allow?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Other bytes are already stored under this token */
        Conflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is larger than what is allowed or was signed */
        ContentTooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is of another type than what is documented or was signed */
        UnsupportedMediaType: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The file has no such range */
        RangeNotSatisfiable: {
            headers: {
                /** @description The file's size, as `bytes *\/SIZE` */
                "Content-Range"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The storage or the registry cannot be reached; try again later */
        ServiceUnavailable: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description There is no room left for the file */
        InsufficientStorage: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        /**
         * @description The `token` of the signature
         * @example xxxxxxxx
         */
        UploadToken: string;
        /**
         * @description The file's name, with which the file is offered for saving
         * @example photo.png
         */
        FileName: string;
        /**
         * @description The bucket, as in the file's `url`
         * @example private
         */
        Bucket: string;
        /**
         * @description The directory of the upload type, as in the file's `url`
         * @example table
         */
        Directory: string;
        /**
         * @description The object's name, as in the file's `url`
         * @example 019a0b7c5d3e7f108a2b4c6d8e0f1a2b
         */
        ObjectName: string;
        /**
         * @description The read token, which a file in the private bucket asks for
         * @example xxxxxxxx
         */
        ReadToken: string;
        /** @description The `Content-Disposition` to answer with (RFC 6266), such as `attachment; filename="photo.png"`. A file of an active type is an `attachment` whatever stands here. */
        ResponseContentDisposition: string;
        /** @description One range of bytes (RFC 9110, section 14.2), such as `bytes=0-1023`. Several ranges, or what is no range of bytes, are ignored. */
        Range: string;
        /** @description The range counts only if the file still has this ETag or date (RFC 9110, section 13.1.5) */
        IfRange: string;
        /** @description Answer 304 if the file still has one of these ETags (RFC 9110, section 13.1.2) */
        IfNoneMatch: string;
        /** @description Answer 304 if the file has not changed since this date (RFC 9110, section 13.1.3) */
        IfModifiedSince: string;
    };
    requestBodies: {
        /** @description The raw bytes. `Content-Type` is the one of `requestHeaders`, or `application/octet-stream`, which claims nothing. */
        File: {
            content: {
                "application/octet-stream": components["schemas"]["FileContent"];
                "*/*": components["schemas"]["FileContent"];
            };
        };
    };
    headers: {
        /** @description Always `bytes` */
        AcceptRanges: string;
        /** @description How long a copy may be kept */
        CacheControl: string;
        /** @description Whether the file is shown or saved, and under which name (RFC 6266, RFC 8187) */
        ContentDisposition: string;
        /** @description The bytes that the answer holds, and the file's size */
        ContentRange: string;
        /** @description What the file may do when a browser shows it, which is nothing */
        ContentSecurityPolicy: string;
        /** @description A strong validator; the bytes under one name never change */
        ETag: string;
        /** @description When the file was stored */
        LastModified: string;
        /** @description In how many seconds to try again */
        RetryAfter: string;
        /** @description Always `nosniff` */
        XContentTypeOptions: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getSignature: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignatureRo"];
            };
        };
        responses: {
            /** @description return the upload URL and the key. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignatureVo"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            405: components["responses"]["MethodNotAllowed"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    uploadFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `token` of the signature
                 * @example xxxxxxxx
                 */
                token: components["parameters"]["UploadToken"];
            };
            cookie?: never;
        };
        requestBody: components["requestBodies"]["File"];
        responses: {
            201: components["responses"]["Stored"];
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            405: components["responses"]["MethodNotAllowed"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    uploadFileByPost: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `token` of the signature
                 * @example xxxxxxxx
                 */
                token: components["parameters"]["UploadToken"];
            };
            cookie?: never;
        };
        requestBody: components["requestBodies"]["File"];
        responses: {
            201: components["responses"]["Stored"];
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            405: components["responses"]["MethodNotAllowed"];
            409: components["responses"]["Conflict"];
            413: components["responses"]["ContentTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            503: components["responses"]["ServiceUnavailable"];
            507: components["responses"]["InsufficientStorage"];
        };
    };
    notifyUpload: {
        parameters: {
            query?: {
                /**
                 * @description The file's name, with which the file is offered for saving
                 * @example photo.png
                 */
                filename?: components["parameters"]["FileName"];
            };
            header?: never;
            path: {
                /**
                 * @description The `token` of the signature
                 * @example xxxxxxxx
                 */
                token: components["parameters"]["UploadToken"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stored file */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NotifyVo"];
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    readFile: {
        parameters: {
            query?: {
                /**
                 * @description The read token, which a file in the private bucket asks for
                 * @example xxxxxxxx
                 */
                token?: components["parameters"]["ReadToken"];
                /** @description The `Content-Disposition` to answer with (RFC 6266), such as `attachment; filename="photo.png"`. A file of an active type is an `attachment` whatever stands here. */
                "response-content-disposition"?: components["parameters"]["ResponseContentDisposition"];
            };
            header?: {
                /** @description One range of bytes (RFC 9110, section 14.2), such as `bytes=0-1023`. Several ranges, or what is no range of bytes, are ignored. */
                Range?: components["parameters"]["Range"];
                /** @description The range counts only if the file still has this ETag or date (RFC 9110, section 13.1.5) */
                "If-Range"?: components["parameters"]["IfRange"];
                /** @description Answer 304 if the file still has one of these ETags (RFC 9110, section 13.1.2) */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /** @description Answer 304 if the file has not changed since this date (RFC 9110, section 13.1.3) */
                "If-Modified-Since"?: components["parameters"]["IfModifiedSince"];
            };
            path: {
                /**
                 * @description The bucket, as in the file's `url`
                 * @example private
                 */
                bucket: components["parameters"]["Bucket"];
                /**
                 * @description The directory of the upload type, as in the file's `url`
                 * @example table
                 */
                dir: components["parameters"]["Directory"];
                /**
                 * @description The object's name, as in the file's `url`
                 * @example 019a0b7c5d3e7f108a2b4c6d8e0f1a2b
                 */
                name: components["parameters"]["ObjectName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The whole file */
            200: {
                headers: {
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    "Cache-Control": components["headers"]["CacheControl"];
                    "Content-Disposition": components["headers"]["ContentDisposition"];
                    "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": components["schemas"]["FileContent"];
                    "*/*": components["schemas"]["FileContent"];
                };
            };
            /** @description The range of the file that was asked for */
            206: {
                headers: {
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    "Cache-Control": components["headers"]["CacheControl"];
                    "Content-Disposition": components["headers"]["ContentDisposition"];
                    "Content-Range": components["headers"]["ContentRange"];
                    "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": components["schemas"]["FileContent"];
                    "*/*": components["schemas"]["FileContent"];
                };
            };
            /** @description The client's copy is still right */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["CacheControl"];
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["LastModified"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            416: components["responses"]["RangeNotSatisfiable"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
    headFile: {
        parameters: {
            query?: {
                /**
                 * @description The read token, which a file in the private bucket asks for
                 * @example xxxxxxxx
                 */
                token?: components["parameters"]["ReadToken"];
                /** @description The `Content-Disposition` to answer with (RFC 6266), such as `attachment; filename="photo.png"`. A file of an active type is an `attachment` whatever stands here. */
                "response-content-disposition"?: components["parameters"]["ResponseContentDisposition"];
            };
            header?: {
                /** @description Answer 304 if the file still has one of these ETags (RFC 9110, section 13.1.2) */
                "If-None-Match"?: components["parameters"]["IfNoneMatch"];
                /** @description Answer 304 if the file has not changed since this date (RFC 9110, section 13.1.3) */
                "If-Modified-Since"?: components["parameters"]["IfModifiedSince"];
            };
            path: {
                /**
                 * @description The bucket, as in the file's `url`
                 * @example private
                 */
                bucket: components["parameters"]["Bucket"];
                /**
                 * @description The directory of the upload type, as in the file's `url`
                 * @example table
                 */
                dir: components["parameters"]["Directory"];
                /**
                 * @description The object's name, as in the file's `url`
                 * @example 019a0b7c5d3e7f108a2b4c6d8e0f1a2b
                 */
                name: components["parameters"]["ObjectName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file exists */
            200: {
                headers: {
                    "Accept-Ranges": components["headers"]["AcceptRanges"];
                    "Cache-Control": components["headers"]["CacheControl"];
                    "Content-Disposition": components["headers"]["ContentDisposition"];
                    "Content-Security-Policy": components["headers"]["ContentSecurityPolicy"];
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["LastModified"];
                    "X-Content-Type-Options": components["headers"]["XContentTypeOptions"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The client's copy is still right */
            304: {
                headers: {
                    "Cache-Control": components["headers"]["CacheControl"];
                    ETag: components["headers"]["ETag"];
                    "Last-Modified": components["headers"]["LastModified"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The request breaks a rule of this document; `errors` names each offending field */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The credentials do not reach this far */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such file */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The storage or the registry cannot be reached; try again later */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    openAttachment: {
        parameters: {
            query?: {
                /**
                 * @description The file's name, with which the file is offered for saving
                 * @example photo.png
                 */
                filename?: components["parameters"]["FileName"];
            };
            header?: never;
            path: {
                /**
                 * @description The `token` of the signature
                 * @example xxxxxxxx
                 */
                token: components["parameters"]["UploadToken"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file can be read at `Location` */
            302: {
                headers: {
                    /** @description An absolute URL that needs no header */
                    Location?: string;
                    "Cache-Control": components["headers"]["CacheControl"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            405: components["responses"]["MethodNotAllowed"];
            503: components["responses"]["ServiceUnavailable"];
        };
    };
}
