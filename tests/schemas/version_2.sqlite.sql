CREATE TABLE IF NOT EXISTS `user` (
    `id` INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    `name` TEXT NOT NULL,
    `password` TEXT NOT NULL,
    `user_type` TEXT NOT NULL,
    `is_locked` INTEGER NOT NULL,
    `vip_until` TEXT,
    `register_time` TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS `user_name`
    ON `user` (`name`);

CREATE TABLE IF NOT EXISTS `session` (
    `id` INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    `token_hash` TEXT NOT NULL,
    `user_id` INTEGER NOT NULL,
    `create_time` TEXT NOT NULL,
    `last_seen` TEXT NOT NULL,
    `expire_time` TEXT NOT NULL,
    CONSTRAINT `session_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS `session_token_hash`
    ON `session` (`token_hash`);

CREATE INDEX IF NOT EXISTS `session_user_id`
    ON `session` (`user_id`);

CREATE INDEX IF NOT EXISTS `session_expire_time`
    ON `session` (`expire_time`);

CREATE TABLE IF NOT EXISTS `movie` (
    `id` INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    `name` TEXT NOT NULL,
    `description` TEXT NOT NULL,
    `file_hash` TEXT NOT NULL,
    `file_size` INTEGER NOT NULL,
    `fingerprint` TEXT NOT NULL,
    `is_free` INTEGER NOT NULL,
    `price` INTEGER,
    `vip_price` INTEGER,
    `is_delete` INTEGER NOT NULL,
    `user_id` INTEGER NOT NULL,
    `create_time` TEXT NOT NULL,
    `delete_time` TEXT,
    CONSTRAINT `movie_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT
) STRICT;

CREATE INDEX IF NOT EXISTS `movie_user_id`
    ON `movie` (`user_id`);

CREATE INDEX IF NOT EXISTS `movie_is_delete`
    ON `movie` (`is_delete`);

CREATE INDEX IF NOT EXISTS `movie_is_delete_is_free`
    ON `movie` (`is_delete`, `is_free`);

CREATE INDEX IF NOT EXISTS `movie_file_hash`
    ON `movie` (`file_hash`);

CREATE INDEX IF NOT EXISTS `movie_fingerprint`
    ON `movie` (`fingerprint`);

CREATE TABLE IF NOT EXISTS `notice` (
    `id` INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    `title` TEXT NOT NULL,
    `content` TEXT NOT NULL,
    `user_id` INTEGER NOT NULL,
    `create_time` TEXT NOT NULL,
    CONSTRAINT `notice_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT
) STRICT;

CREATE INDEX IF NOT EXISTS `notice_user_id`
    ON `notice` (`user_id`);

CREATE INDEX IF NOT EXISTS `notice_create_time`
    ON `notice` (`create_time`);

CREATE TABLE IF NOT EXISTS `search_history` (
    `id` INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    `user_id` INTEGER NOT NULL,
    `query` TEXT NOT NULL,
    `create_time` TEXT NOT NULL,
    CONSTRAINT `search_history_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT
) STRICT;

CREATE INDEX IF NOT EXISTS `search_history_user_id`
    ON `search_history` (`user_id`);

CREATE INDEX IF NOT EXISTS `search_history_user_id_create_time`
    ON `search_history` (`user_id`, `create_time`);

CREATE TABLE IF NOT EXISTS `upload` (
    `id` TEXT NOT NULL PRIMARY KEY,
    `user_id` INTEGER NOT NULL,
    `name` TEXT NOT NULL,
    `size` INTEGER NOT NULL,
    `fingerprint` TEXT NOT NULL,
    `durable_offset` INTEGER NOT NULL,
    `boot_id` TEXT NOT NULL,
    `state` TEXT NOT NULL,
    `movie_id` INTEGER,
    `options` TEXT NOT NULL,
    `create_time` TEXT NOT NULL,
    `expire_time` TEXT NOT NULL,
    `file_hash` TEXT,
    CONSTRAINT `upload_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT,
    CONSTRAINT `upload_movie_id_fk` FOREIGN KEY (`movie_id`) REFERENCES `movie` (`id`) ON DELETE RESTRICT
) STRICT;

CREATE INDEX IF NOT EXISTS `upload_user_id`
    ON `upload` (`user_id`);

CREATE INDEX IF NOT EXISTS `upload_movie_id`
    ON `upload` (`movie_id`);

CREATE INDEX IF NOT EXISTS `upload_user_id_fingerprint_size`
    ON `upload` (`user_id`, `fingerprint`, `size`);

CREATE INDEX IF NOT EXISTS `upload_state_expire_time`
    ON `upload` (`state`, `expire_time`);

CREATE TABLE IF NOT EXISTS `download_record` (
    `id` INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    `user_id` INTEGER NOT NULL,
    `movie_id` INTEGER NOT NULL,
    `create_time` TEXT NOT NULL,
    `bytes_sent` INTEGER NOT NULL,
    `completed` INTEGER NOT NULL,
    `ranges` TEXT,
    CONSTRAINT `download_record_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT,
    CONSTRAINT `download_record_movie_id_fk` FOREIGN KEY (`movie_id`) REFERENCES `movie` (`id`) ON DELETE RESTRICT
) STRICT;

CREATE INDEX IF NOT EXISTS `download_record_user_id`
    ON `download_record` (`user_id`);

CREATE INDEX IF NOT EXISTS `download_record_movie_id`
    ON `download_record` (`movie_id`);

CREATE INDEX IF NOT EXISTS `download_record_user_id_movie_id`
    ON `download_record` (`user_id`, `movie_id`);

CREATE TABLE IF NOT EXISTS `purchase` (
    `id` INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    `user_id` INTEGER NOT NULL,
    `kind` TEXT NOT NULL,
    `movie_id` INTEGER,
    `amount` INTEGER NOT NULL,
    `state` TEXT NOT NULL,
    `create_time` TEXT NOT NULL,
    CONSTRAINT `purchase_user_id_fk` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`) ON DELETE RESTRICT,
    CONSTRAINT `purchase_movie_id_fk` FOREIGN KEY (`movie_id`) REFERENCES `movie` (`id`) ON DELETE RESTRICT
) STRICT;

CREATE INDEX IF NOT EXISTS `purchase_user_id`
    ON `purchase` (`user_id`);

CREATE INDEX IF NOT EXISTS `purchase_movie_id`
    ON `purchase` (`movie_id`);

CREATE INDEX IF NOT EXISTS `purchase_user_id_movie_id`
    ON `purchase` (`user_id`, `movie_id`);
